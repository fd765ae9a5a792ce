/**
 * CFWS, coarse and fine weight splitting (Yang et al., arXiv 2312.10588; details as in the authors' published
 * code, NeonHo/Coarse-Fine-Weight-Split): made for re-parameterized networks, whose centre taps reach far
 * beyond the others. The centre taps are quantized with their own, coarse scale. What remains of them, less
 * than half a coarse step, joins the other taps in the fine part, which is quantized with a scale of its own:
 *
 *     W ≈ S_c·q_c [centre taps] + S_f·q_f [all nine taps]     q_c = round(W/S_c), both codes of b bits
 *
 * With one scale for the layer both parts have one; in the authors' code the fine part has a scale for each channel
 * even then.
 *
 * A block thus computes two convolutions. It stores ten codes for every nine weights and two sets of values,
 * and that is what its state size counts, though the sums of the two take many more values.
 *
 * Activations are clipped by a KL metric that differs from TensorRT's in two places: bins that are empty in
 * either distribution are left out, and mass beyond the threshold is held against it, by + ln(ΣP/ΣQ) where
 * D(P‖Q) of the normalized counts has a minus. This form is the code's; we could not compare it with the
 * paper's text.
 */
import { mapKernels } from '../../model/index.js';
import type { HostTensor } from 'oabn-base';
import { type Granularity, mapGroups, weightBitsOf } from '../scheme.js';
import { quantizeKernel, type QuantizedNetwork, type StoredWeights } from '../quantizedNetwork.js';
import { quantizeValues, weightQuantizer } from '../uniform.js';
import { checkUniform } from './checkUniform.js';
import { type Comparison, klRanges } from './kl.js';
import type { PtqMethod, PtqProblem } from './method.js';

export const cfws: PtqMethod = {
  title: 'CFWS',
  source: 'arXiv 2312.10588',
  granularities: ['perTensor', 'perChannel'],
  quantize: async (problem: PtqProblem): Promise<QuantizedNetwork> => {
    const { arch, merged, scheme } = problem;
    checkUniform('cfws', scheme);
    const activations = await klRanges(problem, cfwsDivergence);
    const stored: Record<string, StoredWeights> = {};
    const stateDict = mapKernels(arch, merged, (block, kernel) => {
      const bits = weightBitsOf(scheme, block);
      // A 1×1 kernel is all centre: there is nothing to separate it from.
      if (tapsOf(kernel) === 1) return quantizeKernel(kernel, scheme, block);
      const { centre, fine, sum } = splitWeights(kernel, bits, scheme.granularity);
      stored[block] = {
        states: new Set(centre).size + new Set(fine).size,
        bits: bits * (centre.length + fine.length),
      };
      return sum;
    });
    return { arch, scheme, stateDict, activations, stored };
  },
};

const tapsOf = ({ shape }: HostTensor): number => shape[2]! * shape[3]!;

/** Of the flat index of a weight, which of the centre taps it is; undefined for other taps. */
function centreOf(kernel: HostTensor): (index: number) => number | undefined {
  const [height, width] = [kernel.shape[2]!, kernel.shape[3]!];
  const taps = tapsOf(kernel);
  const centre = Math.floor(height / 2) * width + Math.floor(width / 2);
  return (index) => (index % taps === centre ? (index - centre) / taps : undefined);
}

/** A kernel [out,in,h,w] as the sum of two quantized parts. */
export interface SplitWeights {
  /** [out,in] the coarse values of the centre taps. */
  readonly centre: Float32Array;
  /** [out,in,h,w] the rest of these, and the other taps. */
  readonly fine: Float32Array;
  /** [out,in,h,w] the two together, which stand for the kernel. */
  readonly sum: Float32Array;
}

/** A kernel [out,in,h,w] in two quantized parts of so many bits each, with a scale of its own for each part. */
export function splitWeights(
  kernel: HostTensor<Float32Array>,
  bits: number,
  granularity: Granularity = 'perTensor',
): SplitWeights {
  const { shape, data } = kernel;
  const quantize = (part: HostTensor<Float32Array>): Float32Array =>
    mapGroups(part, granularity, (weights) => quantizeValues(weightQuantizer(weights, bits), weights));
  const ofCentre = centreOf(kernel);
  const centre = quantize({
    shape: shape.slice(0, 2),
    data: data.filter((_, index) => ofCentre(index) !== undefined),
  });
  const rest = data.map((w, index) => (ofCentre(index) === undefined ? w : w - centre[ofCentre(index)!]!));
  const fine = quantize({ shape, data: rest });
  const sum = fine.map((w, index) => (ofCentre(index) === undefined ? w : w + centre[ofCentre(index)!]!));
  return { centre, fine, sum };
}

/** (1/ΣP)·Σ p·(ln(p·ΣP) − ln(q·ΣQ)) over the bins that neither distribution leaves empty. */
export function cfwsDivergence({ sumP, sumQ, overlap, difference }: Comparison): number {
  return sumQ === 0 ? Infinity : (difference + overlap * Math.log(sumP / sumQ)) / sumP;
}
