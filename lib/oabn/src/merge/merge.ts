/**
 * Merging: the three branches of a training-time block become one 3×3 convolution with bias (paper, section 2
 * and figure 3). Per output channel i, input channel j and tap (ky, kx), with r = γ/√(σ²+ε), limited by OABN:
 *
 *     W[i,j,ky,kx] = r3_i·W3[i,j,ky,kx] + [ky=kx=1]·r1_i·W1[i,j] + [ky=kx=1][i=j]·r0_i
 *     b_i = Σ over branches (β_i − r_i·μ_i)
 *
 * QARepVGG's block (arXiv 2212.01593, section 4) normalizes after the sum, with ratio r and μ, β there, and
 * has no BN in the 1×1 and the identity branch, so r1_i = r0_i = r_i:
 *
 *     r3_i = r_i·γ3/√(σ3²+ε)      b_i = β_i + r_i·(β3_i − γ3/√(σ3²+ε)·μ3_i − μ_i)
 *
 * Computed in double precision and rounded once.
 */
import { check, type HostTensor } from 'oabn-base';
import {
  type Architecture,
  bnEpsilon,
  bnPrefix,
  type Block,
  blocksOf,
  type Branch,
  checkFinite,
  convPrefix,
  get,
  limitedOnHost,
  type Network,
  type NormalizedPlace,
  parameterShapes,
  type StateDict,
} from '../model/index.js';

/** What each branch contributes to a merged block. */
export interface MergeParts {
  /** Each branch's share of the merged kernel, [out,in,3,3] in OIHW; absent branches are absent. */
  readonly kernels: Readonly<Partial<Record<Branch, Float64Array>>>;
  /** What each branch's weights are multiplied by, r [out]; the identity's is the paper's r0. */
  readonly ratios: Readonly<Partial<Record<Branch, Float64Array>>>;
  /** [out] */
  readonly bias: Float64Array;
}

/** The contributions of the branches of one block. */
export function mergeParts(arch: Architecture, stateDict: StateDict, block: Block): MergeParts {
  const kernels: Partial<Record<Branch, Float64Array>> = {};
  const ratios: Partial<Record<Branch, Float64Array>> = {};
  const after = foldBatchNorm(arch, stateDict, block, 'sum');
  const bias = after.shift.slice();
  for (const branch of block.branches) {
    const { ratio, shift } = foldBatchNorm(arch, stateDict, block, branch);
    const whole = ratio.map((r, i) => r * after.ratio[i]!);
    ratios[branch] = whole;
    kernels[branch] = branchKernel(stateDict, block, branch, whole);
    shift.forEach((value, i) => (bias[i]! += value * after.ratio[i]!));
  }
  return { kernels, ratios, bias };
}

/** One block as a 3×3 convolution: kernel [out,in,3,3] and bias [out]. */
export function mergeBlock(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
): { kernel: HostTensor<Float32Array>; bias: HostTensor<Float32Array> } {
  const { kernels, bias } = mergeParts(arch, stateDict, block);
  const sum = new Float64Array(block.outChannels * block.inChannels * 9);
  for (const kernel of Object.values(kernels)) {
    for (let i = 0; i < sum.length; i++) sum[i]! += kernel[i]!;
  }
  return {
    kernel: { shape: [block.outChannels, block.inChannels, 3, 3], data: Float32Array.from(sum) },
    bias: { shape: [block.outChannels], data: Float32Array.from(bias) },
  };
}

/**
 * A whole network in its merged form, under the names `….rbr_reparam.weight` and `….rbr_reparam.bias`.
 * @throws UserError naming the tensor where a shape is not the architecture's, a variance is negative or the
 * merged network is not finite
 */
export function mergeNetwork(arch: Architecture, stateDict: StateDict): StateDict {
  check(
    !Object.keys(stateDict).some((name) => name.includes('.rbr_reparam.')),
    'The network is merged already; merging needs the three-branch checkpoint',
  );
  checkShapes(arch, stateDict);
  const merged: Record<string, HostTensor<Float32Array>> = {};
  for (const block of blocksOf(arch)) {
    const { kernel, bias } = mergeBlock(arch, stateDict, block);
    merged[`${block.name}.rbr_reparam.weight`] = kernel;
    merged[`${block.name}.rbr_reparam.bias`] = bias;
  }
  merged['linear.weight'] = get(stateDict, 'linear.weight');
  merged['linear.bias'] = get(stateDict, 'linear.bias');
  checkFinite(merged, 'Merging', 'weights or γ/σ are too large for single precision there');
  return merged;
}

/** Another network's tensors would be read with the wrong strides, and some of them not at all. */
function checkShapes(arch: Architecture, stateDict: StateDict): void {
  for (const [name, shape] of Object.entries(parameterShapes(arch, 'training'))) {
    const found = stateDict[name];
    check(
      !found || found.shape.join() === shape.join(),
      () => `${name} is [${found!.shape.join(', ')}], the architecture expects [${shape.join(', ')}]`,
    );
  }
}

/** The tensors of a network in its merged form: as they are where it is merged already. @throws as merging */
export function mergedOf({ arch, stateDict, form }: Pick<Network, 'arch' | 'stateDict' | 'form'>): StateDict {
  return form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
}

/** The BN at a place of a block as a ratio r and a shift β − r·μ, both [out]; 1 and 0 where there is none. */
function foldBatchNorm(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
): { ratio: Float64Array; shift: Float64Array } {
  const prefix = bnPrefix(block, place);
  const { outChannels } = block;
  if (prefix === undefined) {
    return { ratio: new Float64Array(outChannels).fill(1), shift: new Float64Array(outChannels) };
  }
  const of = (member: string): Float32Array => get(stateDict, `${prefix}.${member}`).data;
  const [gamma, beta, mean, variance] = [of('weight'), of('bias'), of('running_mean'), of('running_var')];
  const negative = variance.findIndex((value) => !(value >= 0));
  check(
    negative < 0,
    () =>
      `${prefix}.running_var has ${variance[negative]} at element ${negative} of ${outChannels}; a variance must be ≥ 0`,
  );
  const plain = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i]! + bnEpsilon));
  const ratio = limitedOnHost(arch, stateDict, block, place, plain);
  return { ratio, shift: ratio.map((r, i) => beta[i]! - r * mean[i]!) };
}

function branchKernel(stateDict: StateDict, block: Block, branch: Branch, ratio: Float64Array): Float64Array {
  const { outChannels, inChannels } = block;
  const kernel = new Float64Array(outChannels * inChannels * 9);
  const centre = (i: number, j: number): number => (i * inChannels + j) * 9 + 4;
  switch (branch) {
    case '3x3': {
      const { data } = get(stateDict, `${convPrefix(block, branch)}.weight`);
      return kernel.map((_, index) => data[index]! * ratio[Math.floor(index / (inChannels * 9))]!);
    }
    case '1x1': {
      const { data } = get(stateDict, `${convPrefix(block, branch)}.weight`);
      for (let i = 0; i < outChannels; i++) {
        for (let j = 0; j < inChannels; j++) kernel[centre(i, j)] = data[i * inChannels + j]! * ratio[i]!;
      }
      return kernel;
    }
    case 'identity':
      ratio.forEach((r, i) => (kernel[centre(i, i)] = r));
      return kernel;
    default:
      return branch satisfies never;
  }
}
