/** Quantized activations and weights in an ONNX graph: what the file holds, and how an engine turns
it into numbers. */
import { check, type HostTensor } from 'oabn-base';
import { elementTypes } from 'tfjs-native/onnx';
import type { QuantizedNetwork } from '../quantizedNetwork.js';
import { activationBitsOf } from '../scheme.js';
import { roundHalfToEven } from '../uniform.js';
import { packBitPlanes, packInt4 } from './bitPlanes.js';
import { type Draft, int, text } from './draft.js';
import type { StoredKernel } from './storedKernel.js';

/**
 * x̂ of figure 5: q = round(x/S)+Z in 8 bits, back to S·(q−Z), and the clamp of q to 0 … 2^b−1 there, as
 * S·(0−Z) … S·(2^b−1−Z). It comes last, and at 8 bits too, because ONNX Runtime (1.30, from its basic
 * optimizations on) turns any other order into another network: it drops a clamp between QuantizeLinear and
 * DequantizeLinear, and where DequantizeLinear stands directly before a convolution it rounds the
 * convolution's FP32 constants to integers. Integer kernels want just that; at 8 bits the clamp changes nothing,
 * so it is left out for them.
 */
export function quantizedActivation(
  draft: Draft,
  block: string,
  x: string,
  { scheme, activations }: Pick<QuantizedNetwork, 'scheme' | 'activations'>,
): string {
  const bits = activationBitsOf(scheme, block);
  if (bits === undefined) return x;
  const range = activations[block];
  check(range, () => `No activation range for ${block}; calibrate the network first`);
  const name = `${block}.input`;
  // In single precision and half to even, as the engine computes it in `fakeQuantizeActivation`: in the range
  // −1 … 1 the zero point lies half-way between two levels, and a difference in the last bit, or rounding
  // half up, would move all of them by one.
  const low = Math.fround(Math.min(0, range.min));
  const width = Math.fround(Math.fround(Math.max(0, range.max)) - low);
  const scaleValue = Math.max(Math.fround(width / (2 ** bits - 1)), Math.fround(1e-12));
  const zero = roundHalfToEven(Math.fround(-low / scaleValue));
  const scale = draft.constant(`${name}.scale`, 'float32', [], Float32Array.of(scaleValue));
  const zeroPoint = draft.constant(`${name}.zero_point`, 'uint8', [], Uint8Array.of(zero));
  const q = draft.node('QuantizeLinear', [x, scale, zeroPoint], `${name}.quantized`);
  const back = draft.node('DequantizeLinear', [q, scale, zeroPoint], `${name}.dequantized`);
  if (draft.integer) return back;
  const bound = (end: string, level: number): string =>
    draft.constant(`${name}.${end}`, 'float32', [], Float32Array.of((level - zero) * scaleValue));
  return draft.node('Clip', [back, bound('min', 0), bound('max', 2 ** bits - 1)], `${name}.clipped`);
}

/** The kernel [out,in,kh,kw] of `block`, in FP32, from what is stored of it; returns its name. */
export function quantizedWeight(
  draft: Draft,
  block: string,
  { shape, data }: HostTensor<Float32Array>,
  stored: StoredKernel,
): string {
  const name = `${block}.weight`;
  switch (stored.kind) {
    case 'levels': {
      const { levels, scales, bits } = stored;
      const q =
        bits === 4
          ? draft.constant(`${name}.quantized`, 'int4', shape, packInt4(levels))
          : draft.constant(`${name}.quantized`, 'int8', shape, levels);
      const perTensor = scales.length === 1;
      const scale = draft.constant(`${name}.scale`, 'float32', perTensor ? [] : [scales.length], scales);
      return draft.node('DequantizeLinear', [q, scale], name, perTensor ? {} : { axis: int(0) });
    }
    case 'codebook':
      return codebookWeight(draft, name, shape, stored);
    case 'float':
      return draft.constant(name, 'float32', shape, data);
    default:
      return stored satisfies never;
  }
}

/** Indices from their bit planes [bits, ⌈n/8⌉, 1], then each weight from its group's codebook. */
function codebookWeight(
  draft: Draft,
  name: string,
  shape: readonly number[],
  { indices, codebooks, groups, bits }: Extract<StoredKernel, { kind: 'codebook' }>,
): string {
  const bytes = Math.ceil(indices.length / 8);
  const int64s = (suffix: string, ...values: number[]): string =>
    draft.constant(`${name}.${suffix}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  const planes = draft.constant(`${name}.planes`, 'uint8', [bits, bytes, 1], packBitPlanes(indices, bits));
  const places = draft.constant(
    `${name}.places`,
    'uint8',
    [8],
    Uint8Array.from({ length: 8 }, (_, i) => i),
  );
  const one = draft.constant(`${name}.one`, 'uint8', [], Uint8Array.of(1));
  const powers = Int32Array.from({ length: bits }, (_, plane) => 2 ** plane);
  const shifted = draft.node('BitShift', [planes, places], `${name}.shifted`, { direction: text('RIGHT') });
  const bitsOfAll = draft.node('BitwiseAnd', [shifted, one], `${name}.bits`);
  const wide = draft.node('Cast', [bitsOfAll], `${name}.bits.int32`, { to: int(elementTypes.int32) });
  const weighted = draft.node(
    'Mul',
    [wide, draft.constant(`${name}.powers`, 'int32', [bits, 1, 1], powers)],
    `${name}.weighted`,
  );
  const padded = draft.node('ReduceSum', [weighted, int64s('axis', 0)], `${name}.padded`, {
    keepdims: int(0),
  });
  const flat = draft.node('Reshape', [padded, int64s('flat.shape', -1)], `${name}.flat`);
  const cut = draft.node(
    'Slice',
    [flat, int64s('first', 0), int64s('count', indices.length)],
    `${name}.indices`,
  );
  let index = draft.node('Reshape', [cut, int64s('groups', groups, -1)], `${name}.indices.grouped`);
  if (groups > 1) {
    const starts = Int32Array.from({ length: groups }, (_, g) => g * 2 ** bits);
    const offsets = draft.constant(`${name}.starts`, 'int32', [groups, 1], starts);
    index = draft.node('Add', [index, offsets], `${name}.indices.absolute`);
  }
  const codebook = draft.constant(`${name}.codebook`, 'float32', [codebooks.length], codebooks);
  const values = draft.node('Gather', [codebook, index], `${name}.values`);
  return draft.node('Reshape', [values, int64s('shape', ...shape)], name);
}
