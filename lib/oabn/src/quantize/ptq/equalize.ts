/**
 * Cross-layer equalization and bias absorption (Nagel et al., arXiv 1906.04721, section 4.1). The merged
 * network is a single chain, convolution → ReLU → convolution → … → pooling → classifier, and everything
 * between two layers passes on a positive factor: dividing output channel i of a layer by s_i and multiplying
 * input channel i of the next by it changes no output. With r1_i and r2_i the largest |w| of these two
 * channels,
 *
 *     s_i = √(r1_i·r2_i) / r2_i     makes both ranges √(r1_i·r2_i),
 *
 * repeated along the chain until nothing moves. The first convolution and the classifier take part, too: they
 * stay in FP32, but what they take over need not be quantized.
 */
import type { HostTensor } from 'oabn-base';
import { type Architecture, blocksOf, checkChain, get, type StateDict } from '../../model/index.js';

/** A layer of the chain: weights [out, in, …] and bias [out]. */
interface ChainLayer {
  readonly weight: string;
  readonly bias: string;
}

/** The chain from the first convolution to the classifier. */
export function chainOf(arch: Architecture): ChainLayer[] {
  checkChain(arch, 'Equalization');
  const prefixes = [...blocksOf(arch).map(({ name }) => `${name}.rbr_reparam`), 'linear'];
  return prefixes.map((prefix) => ({ weight: `${prefix}.weight`, bias: `${prefix}.bias` }));
}

/** A network whose channels were equalized. */
export interface Equalized {
  /** The merged network; it computes the same. */
  readonly stateDict: StateDict;
  /** For each layer but the last, [out] the s_i by which its output channels were divided. */
  readonly scales: readonly Float64Array[];
}

/** Sweeps along the chain end when no factor differs from 1 by more than this, or after `maxSweeps`. */
const tolerance = 1e-5;
const maxSweeps = 500;

/**
 * `merged` with the ranges of all neighbouring layers equalized; a channel that is zero on either side stays.
 * @throws UserError unless the network is a chain
 */
export function equalize(arch: Architecture, merged: StateDict): Equalized {
  const chain = chainOf(arch);
  const tables = chain.map(({ weight }) => magnitudesOf(get(merged, weight)));
  const scales = chain.slice(1).map(({ weight }) => new Float64Array(get(merged, weight).shape[1]!).fill(1));
  for (let sweep = 0, moved = Infinity; sweep < maxSweeps && moved > tolerance; sweep++) {
    moved = 0;
    scales.forEach((scale, layer) => {
      const [before, after] = [tables[layer]!, tables[layer + 1]!];
      for (let i = 0; i < scale.length; i++) {
        const [r1, r2] = [largestOut(before, i), largestIn(after, i)];
        if (r1 === 0 || r2 === 0) continue;
        const factor = Math.sqrt(r1 / r2);
        for (let j = 0; j < before.ins; j++) before.values[i * before.ins + j]! /= factor;
        for (let o = 0; o < after.outs; o++) after.values[o * after.ins + i]! *= factor;
        scale[i]! *= factor;
        moved = Math.max(moved, Math.abs(factor - 1));
      }
    });
  }
  return { stateDict: rescale(merged, chain, scales), scales };
}

/**
 * High biases absorbed: `shifts` [out] are subtracted from the bias of each layer but the last, and what the
 * next layer makes of them is added to its bias. Nothing changes where the layer's output stays above the
 * shift; at the borders the next layer's padding does not see it.
 */
export function absorbBiases(
  arch: Architecture,
  stateDict: StateDict,
  shifts: readonly Float64Array[],
): StateDict {
  const result: Record<string, HostTensor<Float32Array>> = { ...stateDict };
  const chain = chainOf(arch);
  shifts.forEach((shift, layer) => {
    const [lower, upper] = [get(result, chain[layer]!.bias), get(result, chain[layer + 1]!.bias)];
    const { shape, data } = get(stateDict, chain[layer + 1]!.weight);
    const [ins, taps] = [shape[1]!, data.length / (shape[0]! * shape[1]!)];
    const carried = Float64Array.from(upper.data);
    data.forEach(
      (w, index) =>
        (carried[Math.floor(index / (ins * taps))]! += w * shift[Math.floor(index / taps) % ins]!),
    );
    result[chain[layer]!.bias] = { shape: lower.shape, data: lower.data.map((b, i) => b - shift[i]!) };
    result[chain[layer + 1]!.bias] = { shape: upper.shape, data: Float32Array.from(carried) };
  });
  return result;
}

/** The largest |w| over the taps of each pair of channels. */
interface Magnitudes {
  readonly outs: number;
  readonly ins: number;
  /** [outs, ins] */
  readonly values: Float64Array;
}

function magnitudesOf({ shape, data }: HostTensor<Float32Array>): Magnitudes {
  const [outs, ins] = [shape[0]!, shape[1]!];
  const taps = data.length / (outs * ins);
  const values = new Float64Array(outs * ins);
  data.forEach((w, index) => {
    const pair = Math.floor(index / taps);
    values[pair] = Math.max(values[pair]!, Math.abs(w));
  });
  return { outs, ins, values };
}

function largestOut({ ins, values }: Magnitudes, out: number): number {
  let most = 0;
  for (let j = out * ins; j < (out + 1) * ins; j++) most = Math.max(most, values[j]!);
  return most;
}

function largestIn({ ins, values }: Magnitudes, input: number): number {
  let most = 0;
  for (let j = input; j < values.length; j += ins) most = Math.max(most, values[j]!);
  return most;
}

function rescale(
  merged: StateDict,
  chain: readonly ChainLayer[],
  scales: readonly Float64Array[],
): StateDict {
  const result: Record<string, HostTensor<Float32Array>> = { ...merged };
  chain.forEach(({ weight, bias }, layer) => {
    const [{ shape, data }, { shape: biasShape, data: biases }] = [get(merged, weight), get(merged, bias)];
    const [ins, taps] = [shape[1]!, data.length / (shape[0]! * shape[1]!)];
    const [divide, multiply] = [scales[layer], scales[layer - 1]];
    const scaled = data.map((w, index) => {
      const [out, input] = [Math.floor(index / (ins * taps)), Math.floor(index / taps) % ins];
      return (w * (multiply?.[input] ?? 1)) / (divide?.[out] ?? 1);
    });
    result[weight] = { shape, data: scaled };
    result[bias] = { shape: biasShape, data: biases.map((b, out) => b / (divide?.[out] ?? 1)) };
  });
  return result;
}
