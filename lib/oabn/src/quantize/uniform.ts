/**
 * Uniform quantization, one scale for a layer (paper, figure 5 and appendix; reconstructed).
 *
 * - Weights, symmetric: S = max|w| / (2^(b−1)−1), q = round(w/S) in [−(2^(b−1)−1), 2^(b−1)−1], ŵ = S·q.
 * - Activations, asymmetric: S = (max−min)/(2^b−1), Z = round(−min/S), q = clamp(round(x/S)+Z, 0, 2^b−1),
 *   x̂ = S·(q−Z). The range is widened to hold 0, so that zero padding is exact.
 *
 * Rounding is half to even, as in PyTorch, ONNX and WGSL.
 */
import { check } from 'oabn-base';

/** The fewest bits of a quantizer. */
export const minBits = 2;
/** The most bits of a quantizer. */
export const maxBits = 8;

/** Refuses bits that no quantizer here has. @throws UserError unless `bits` is a whole number from 2 to 8. */
export function checkBits(bits: number): void {
  const good = Number.isInteger(bits) && bits >= minBits && bits <= maxBits;
  check(good, `bits must be a whole number from ${minBits} to ${maxBits}, got ${bits}`);
}

/** A quantizer x̂ = scale · (clamp(round(x/scale) + zeroPoint, quantMin, quantMax) − zeroPoint). */
export interface UniformQuantizer {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly quantMin: number;
  readonly quantMax: number;
}

/** What a layer's activation was seen to reach. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/** The largest level of symmetric b-bit weights, 2^(b−1)−1. */
export function symmetricLevels(bits: number): number {
  checkBits(bits);
  return 2 ** (bits - 1) - 1;
}

/** The symmetric quantizer of weights [n]; all-zero weights get scale 1. */
export function weightQuantizer(weights: Float32Array, bits: number): UniformQuantizer {
  const quantMax = symmetricLevels(bits);
  const maxAbs = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  return { scale: maxAbs > 0 ? maxAbs / quantMax : 1, zeroPoint: 0, quantMin: -quantMax, quantMax };
}

/** The asymmetric quantizer of activations in `range`, widened to hold 0; an empty range gets scale 1. */
export function activationQuantizer(range: ActivationRange, bits: number): UniformQuantizer {
  checkBits(bits);
  check(range.min <= range.max, `An activation range needs min ≤ max, got ${range.min} and ${range.max}`);
  const [min, max] = [Math.min(0, range.min), Math.max(0, range.max)];
  const quantMax = 2 ** bits - 1;
  const scale = max > min ? (max - min) / quantMax : 1;
  return { scale, zeroPoint: roundHalfToEven((0 - min) / scale), quantMin: 0, quantMax };
}

/** The value that stands for `x`. */
export function quantizeValue({ scale, zeroPoint, quantMin, quantMax }: UniformQuantizer, x: number): number {
  const q = roundHalfToEven(x / scale) + zeroPoint;
  return (Math.min(quantMax, Math.max(quantMin, q)) - zeroPoint) * scale;
}

/** The values that stand for `values`, in single precision. */
export function quantizeValues(quantizer: UniformQuantizer, values: Float32Array): Float32Array {
  return values.map((x) => quantizeValue(quantizer, x));
}

/** The nearest whole number, and of two equally near ones the even one, as PyTorch and IEEE 754 round. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
