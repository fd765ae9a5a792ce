/**
 * RepOptimizer (arXiv 2205.15242): a network of single 3×3 convolutions, each followed by BN, that trains as if
 * every convolution were an imaginary block of three branches with constant scales and no BN of their own,
 *
 *     conv(x, s3·W3) + conv(x, s1·W1) + x
 *
 * (x only where the shapes allow it). Two changes of SGD are equivalent to it, so that nothing is left to merge:
 *
 * - the kernel starts as the block's merged kernel (`repOptimizerStart`);
 * - its gradient is multiplied, element by element and before weight decay (`gradientFactors`), by
 *
 *       s3²,  + s1² at the centre tap,  + 1 on the diagonal of the centre tap where the block has an identity.
 *
 * The article finds the scales by training the imaginary blocks with trainable scales on another data set. They
 * are not searched for here: s3 = s1 = √(2/i) for the i-th block of a stage and 1 for its first, from where that
 * search starts in the authors' code.
 */
import { check, type HostTensor } from 'oabn-base';
import {
  type Architecture,
  type Block,
  blocksOf,
  convPrefix,
  get,
  initialize,
  type StateDict,
} from '../model/index.js';

/** How a step turns gradients into changes of the parameters. */
export const optimizers = ['sgd', 'repOptimizer'] as const;
/** The name of an optimizer. */
export type OptimizerName = (typeof optimizers)[number];

/**
 * Refuses an optimizer that does not go with the network.
 * @throws UserError for an unknown optimizer, or for RepOptimizer with more than one branch
 */
export function checkOptimizer(optimizer: OptimizerName, arch: Architecture): void {
  check(
    optimizers.includes(optimizer),
    () => `training.optimizer must be one of ${optimizers.join(', ')}, got ${JSON.stringify(optimizer)}`,
  );
  check(
    optimizer === 'sgd' || (arch.branches?.join() === '3x3' && arch.block !== 'qarepvgg'),
    'training.optimizer "repOptimizer" trains networks of single 3×3 convolutions: set arch.branches to ["3x3"]',
  );
}

/** A convolution and the imaginary block that it stands for. */
interface Imaginary {
  readonly block: Block;
  /** s3² and s1², which are equal here. */
  readonly square: number;
}

/** The imaginary blocks of a network of single convolutions, and the network that would have them. */
function imaginary(arch: Architecture): { blocks: Imaginary[]; branched: Architecture } {
  const { branches: _, ...branched } = arch;
  const blocks = blocksOf(branched).map((block) => {
    const inStage = Number(block.name.split('.')[1] ?? 0);
    return { block, square: inStage === 0 ? 1 : 2 / inStage };
  });
  return { blocks, branched };
}

/**
 * The state dict that training starts from: kernels s3·W3 + s1·W1 (+ 1 on the diagonal), with the W3 and W1 that
 * RepVGG's blocks start with for the same seed. Everything else is as in `initialize`.
 */
export function repOptimizerStart(arch: Architecture, seed: number): StateDict {
  const { blocks, branched } = imaginary(arch);
  const drawn = initialize(branched, seed);
  const kernels = blocks.map(({ block, square }) => {
    const name = `${convPrefix(block, '3x3')}.weight`;
    const { shape, data } = get(drawn, name);
    const pointwise = get(drawn, `${convPrefix(block, '1x1')}.weight`).data;
    const scale = Math.sqrt(square);
    const kernel = data.map((value, i) => {
      const centre = i % 9 === 4 ? scale * pointwise[(i - 4) / 9]! : 0;
      return scale * value + centre + (onDiagonal(block, i) ? 1 : 0);
    });
    return [name, { shape, data: kernel }] as const;
  });
  return { ...initialize(arch, seed), ...Object.fromEntries(kernels) };
}

/** Whether the i-th element of a kernel [out,in,3,3] is a 1 of the identity's kernel. */
function onDiagonal({ branches, inChannels }: Block, i: number): boolean {
  const pair = (i - 4) / 9;
  return branches.includes('identity') && i % 9 === 4 && pair % (inChannels + 1) === 0;
}

/** What the gradients of kernels [3,3,in,out] are multiplied by: tensors of their shapes, by their names. */
export function gradientFactors(arch: Architecture): Readonly<Record<string, HostTensor<Float32Array>>> {
  return Object.fromEntries(
    imaginary(arch).blocks.map(({ block, square }) => {
      const { inChannels, outChannels, branches } = block;
      const pairs = inChannels * outChannels;
      const data = Float32Array.from({ length: 9 * pairs }, (_, i) => {
        const isCentre = Math.floor(i / pairs) === 4;
        const isSame = Math.floor((i % pairs) / outChannels) === i % outChannels;
        return (
          square + (isCentre ? square : 0) + (isCentre && isSame && branches.includes('identity') ? 1 : 0)
        );
      });
      return [`${convPrefix(block, '3x3')}.weight`, { shape: [3, 3, inChannels, outChannels], data }];
    }),
  );
}
