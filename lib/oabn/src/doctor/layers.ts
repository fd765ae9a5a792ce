/**
 * The quantizable layers of a network of any family, merged, with what each branch gave to them. A RepVGG
 * leaves its first convolution in FP32 (paper, figure 6), and so does the doctor with any network: its first
 * block is not among them. Nor are the two convolutions of squeeze-and-excitation, which see one pixel and
 * stay in FP32 as well.
 */
import type { HostTensor } from 'oabn-base';
import {
  type Convolution,
  deadChannels,
  type FoundBlock,
  isSqueeze,
  type MergeOptions,
  naturally,
  type Recognition,
  sharesOf,
  sumOf,
} from '../family/index.js';
import type { StateDict } from '../model/index.js';

/** A merged convolution as the doctor looks at it, with its branches where they are known. */
export interface Layer {
  /** The name of its block. */
  readonly name: string;
  /** [out, in per group, kh, kw] */
  readonly kernel: HostTensor<Float32Array>;
  /**
   * Each branch's part of the kernel, for a block that was merged here; unknown if it was merged elsewhere.
   */
  readonly shares?: readonly { readonly label: string; readonly convolution: Convolution }[];
  /** Output channels whose identity BN divides by almost nothing. */
  readonly dead: readonly number[];
  /** Whether an identity branch has a BN of its own, whose ratio OABN limits; default false. */
  readonly hasRatio?: boolean;
}

/** A kernel needs this many weights for its distribution to mean anything. */
const leastWeights = 64;

/** The layers of a recognized file, in the order of their names, without the one that takes the image. */
export function layersOf(
  stateDict: StateDict,
  { blocks, rest }: Pick<Recognition, 'blocks' | 'rest'>,
  options: MergeOptions = {},
): Layer[] {
  const merged = blocks.map((block) => layerOfBlock(block, options));
  const plain = rest
    .filter((name) => name.endsWith('.weight') && stateDict[name]!.shape.length === 4 && !isSqueeze(name))
    .map((name) => ({ name: name.slice(0, -'.weight'.length), kernel: stateDict[name]!, dead: [] }));
  const all: Layer[] = [...merged, ...plain].sort((a, b) => naturally(a.name, b.name));
  const first = firstOf(all);
  return all.filter((layer) => layer !== first && layer.kernel.data.length >= leastWeights);
}

function layerOfBlock(block: FoundBlock, options: MergeOptions): Layer {
  const shares = sharesOf(block, options);
  const { shape, kernel } = sumOf(shares.map(({ convolution }) => convolution));
  const dead = block.branches.flatMap((branch) => deadChannels(branch, block.epsilon));
  const hasRatio = block.branches.some(({ label, input }) => label === 'identity' && input !== undefined);
  return { name: block.name, kernel: { shape, data: Float32Array.from(kernel) }, shares, dead, hasRatio };
}

/** The convolution that takes the image: the one with three input channels, or else the first. */
function firstOf(layers: readonly Layer[]): Layer | undefined {
  return layers.find(({ kernel: { shape } }) => shape[1] === 3) ?? layers[0];
}
