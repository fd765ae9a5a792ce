/**
 * What the kernels must give, in float64 on the host: a convolution and its gradients as plain loops over
 * output pixels and taps, and for each result the sum of its terms' magnitudes, which rounding errors are
 * measured by.
 */
import type { Geometry } from '../../ops/index.js';

/** The sums, and Σ|terms| of each. */
export interface Exact {
  readonly values: Float64Array;
  readonly magnitudes: Float64Array;
}

export interface ExactConvolution {
  readonly forward: Exact;
  readonly inputGradient: Exact;
  readonly filterGradient: Exact;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);
const zeros = (size: number): Exact => ({
  values: new Float64Array(size),
  magnitudes: new Float64Array(size),
});

function add({ values, magnitudes }: Exact, i: number, term: number): void {
  values[i]! += term;
  magnitudes[i]! += Math.abs(term);
}

/** All three results of one convolution. */
export function exactConvolution(
  { input, output, kernel, strides, dilations, pads }: Geometry,
  x: Float32Array,
  weights: Float32Array,
  dy: Float32Array,
): ExactConvolution {
  const [images, height, width, channels] = input as [number, number, number, number];
  const [, outHeight, outWidth, filters] = output as [number, number, number, number];
  const [forward, inputGradient, filterGradient] = [output, input, kernel].map((shape) =>
    zeros(sizeOf(shape)),
  ) as [Exact, Exact, Exact];
  for (let place = 0; place < images * outHeight * outWidth; place++) {
    const column = place % outWidth;
    const row = Math.floor(place / outWidth) % outHeight;
    const image = Math.floor(place / (outWidth * outHeight));
    for (let tap = 0; tap < kernel[0]! * kernel[1]!; tap++) {
      const y = row * strides[0] - pads[0] + Math.floor(tap / kernel[1]!) * dilations[0];
      const z = column * strides[1] - pads[1] + (tap % kernel[1]!) * dilations[1];
      if (y < 0 || y >= height || z < 0 || z >= width) continue;
      const from = ((image * height + y) * width + z) * channels;
      for (let c = 0; c < channels; c++) {
        for (let f = 0; f < filters; f++) {
          const [at, w, to] = [from + c, (tap * channels + c) * filters + f, place * filters + f];
          add(forward, to, x[at]! * weights[w]!);
          add(inputGradient, at, dy[to]! * weights[w]!);
          add(filterGradient, w, x[at]! * dy[to]!);
        }
      }
    }
  }
  return { forward, inputGradient, filterGradient };
}

/** The largest |value − exact| / Σ|terms|; 0 / 0 counts as 0, and anything that is no number as Infinity. */
export function relativeError(values: ArrayLike<number>, { values: exact, magnitudes }: Exact): number {
  let worst = values.length === exact.length ? 0 : Infinity;
  for (let i = 0; i < exact.length; i++) {
    const off = Math.abs(values[i]! - exact[i]!);
    const error = off === 0 ? 0 : off / magnitudes[i]!;
    worst = error >= 0 ? Math.max(worst, error) : Infinity;
  }
  return worst;
}

/** The same with the operands rounded to half precision first is what float16 kernels are held against. */
export function toHalf(values: Float32Array): Float32Array {
  return values.map(roundToHalf);
}

/** The nearest float16, ties to even; values beyond its range become infinite. */
function roundToHalf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const unit = 2 ** (exponent - 10);
  const scaled = magnitude / unit;
  const below = Math.floor(scaled);
  const up = scaled - below > 0.5 || (scaled - below === 0.5 && below % 2 === 1);
  const rounded = (below + (up ? 1 : 0)) * unit;
  return Math.sign(value) * (rounded >= 65520 ? Infinity : rounded);
}
