/**
 * How a quantized kernel's values are stored, found from the values alone, whatever method made them:
 *
 * - `levels`: whole multiples of one scale per group, as uniform quantizers make them; int8, or int4 where
 *   that suffices.
 * - `codebook`: few values without such a scale, as k-means makes them; each weight is an index into its
 *   group's values.
 * - `float`: neither is smaller than FP32.
 *
 * All of them reproduce the values, `levels` to the last bit or two of single precision.
 */
import type { HostTensor } from 'oabn-base';
import { type Granularity, groupsOf } from '../scheme.js';

/** A quantized kernel as a file can hold it: whole levels with scales, or indices into codebooks. */
export type StoredKernel =
  | {
      readonly kind: 'levels';
      /** [out,in,3,3], flat. */
      readonly levels: Int8Array;
      /** [groups] */
      readonly scales: Float32Array;
      /** Bits in the file. */
      readonly bits: 4 | 8;
    }
  | {
      readonly kind: 'codebook';
      /** [out,in,3,3], flat; each in 0 … 2^bits − 1. */
      readonly indices: Uint16Array;
      /** [groups, 2^bits], flat; entries beyond a group's values repeat its last. */
      readonly codebooks: Float32Array;
      readonly groups: number;
      readonly bits: number;
    }
  | { readonly kind: 'float' };

/** The largest level that int8 holds on both sides. */
const mostLevels = 127;

/** The smallest form that holds the values of a kernel [out,in,3,3] whose groups each have a quantizer. */
export function storedKernel(
  kernel: HostTensor<Float32Array>,
  granularity: Granularity = 'perTensor',
): StoredKernel {
  const groups = groupsOf(kernel, granularity);
  const distinct = groups.map((values) => Float32Array.from(new Set(values)).sort());
  return storedLevels(groups, distinct) ?? storedCodebook(groups, distinct);
}

function storedLevels(
  groups: readonly Float32Array[],
  distinct: readonly Float32Array[],
): StoredKernel | undefined {
  const steps = distinct.map(commonStep);
  if (steps.some((step) => step === undefined)) return undefined;
  const scales = Float32Array.from(steps as number[]);
  const levels = Int8Array.from(
    groups.flatMap((values, g) => Array.from(values, (w) => Math.round(w / scales[g]!))),
  );
  const bits = levels.every((level) => level >= -8 && level <= 7) ? 4 : 8;
  return { kind: 'levels', levels, scales, bits };
}

/**
 * The largest step of which all `values` are whole multiples, at most 127 of them; undefined where there is
 * none.
 */
function commonStep(values: Float32Array): number | undefined {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  if (most === 0) return 1;
  for (let level = 1; level <= mostLevels; level++) {
    const step = Math.fround(most / level);
    // A value that is a multiple was rounded once, and so was the step: within two units of the last place.
    if (values.every((value) => Math.abs(Math.round(value / step) * step - value) <= 2.4e-7 * most))
      return step;
  }
  return undefined;
}

function storedCodebook(groups: readonly Float32Array[], distinct: readonly Float32Array[]): StoredKernel {
  const most = distinct.reduce((largest, values) => Math.max(largest, values.length), 1);
  const bits = Math.max(1, Math.ceil(Math.log2(most)));
  const weights = groups.reduce((sum, values) => sum + values.length, 0);
  const size = 2 ** bits;
  if (bits > 16 || (weights * bits) / 8 + 4 * size * groups.length >= 4 * weights) return { kind: 'float' };
  const indices = new Uint16Array(weights);
  const codebooks = new Float32Array(groups.length * size);
  let offset = 0;
  groups.forEach((values, g) => {
    const known = distinct[g]!;
    const place = new Map(Array.from(known, (value, i) => [value, i]));
    values.forEach((value, i) => (indices[offset + i] = place.get(value)!));
    for (let i = 0; i < size; i++) codebooks[g * size + i] = known[Math.min(i, known.length - 1)]!;
    offset += values.length;
  });
  return { kind: 'codebook', indices, codebooks, groups: groups.length, bits };
}
