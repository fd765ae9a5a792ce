/**
 * What self-tests compare with: single elements of a matrix product, and of a convolution with its gradients,
 * in float64.
 */
import { random } from 'oabn-base';

/** The terms whose sum is an element of a result. */
export type Terms = (element: number) => Iterable<number>;

/**
 * The largest |value − Σ terms| / √Σ terms² of `places` random elements: the terms are random, so their sum
 * is of this size. NaN where a value is not a number.
 */
export function relativeError(
  values: Float32Array,
  terms: Terms,
  { name, places }: { name: string; places: number },
): number {
  const { integer } = random(1, name);
  let error = 0;
  for (let i = 0; i < places; i++) {
    const element = integer(values.length);
    let [sum, squares] = [0, 0];
    for (const term of terms(element)) {
      sum += term;
      squares += term * term;
    }
    error = Math.max(error, Math.abs(values[element]! - sum) / Math.sqrt(squares || 1));
  }
  return error;
}

/** The terms of the product of `a` and `b`, both [n,n]. */
export function productTerms(a: Float32Array, b: Float32Array, n: number): Terms {
  return function* (element) {
    const [row, column] = [Math.floor(element / n), element % n];
    for (let k = 0; k < n; k++) yield a[row * n + k]! * b[k * n + column]!;
  };
}

/**
 * Images `x` [N,side,side,channels], a kernel `w` [3,3,channels,channels], and a gradient `dy` of the images'
 * shape.
 */
export interface SquareConvolution {
  readonly side: number;
  readonly channels: number;
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly dy: Float32Array;
}

/** The terms of a 3×3 convolution with padding 1, and of its gradients. */
export function convolutionTerms({ side, channels, x, w, dy }: SquareConvolution): {
  forward: Terms;
  toInput: Terms;
  toFilter: Terms;
} {
  const pixels = x.length / channels;
  const taps = Array.from({ length: 9 }, (_, tap) => [tap, Math.floor(tap / 3) - 1, (tap % 3) - 1] as const);
  /** The pixel at this distance from `pixel` in its image. */
  const moved = (pixel: number, down: number, right: number): number | undefined => {
    const [row, column] = [(Math.floor(pixel / side) % side) + down, (pixel % side) + right];
    const inside = row >= 0 && row < side && column >= 0 && column < side;
    return inside ? pixel + down * side + right : undefined;
  };
  function* toPixel(element: number, back: boolean): Iterable<number> {
    const [pixel, channel] = [Math.floor(element / channels), element % channels];
    for (const [tap, down, right] of taps) {
      const source = back ? moved(pixel, -down, -right) : moved(pixel, down, right);
      if (source === undefined) continue;
      for (let c = 0; c < channels; c++) {
        const [from, to] = back ? [channel, c] : [c, channel];
        yield (back ? dy : x)[source * channels + c]! * w[(tap * channels + from) * channels + to]!;
      }
    }
  }
  return {
    forward: (element) => toPixel(element, false),
    toInput: (element) => toPixel(element, true),
    *toFilter(element) {
      const [, down, right] = taps[Math.floor(element / channels ** 2)]!;
      const [c, k] = [Math.floor(element / channels) % channels, element % channels];
      for (let pixel = 0; pixel < pixels; pixel++) {
        const source = moved(pixel, down, right);
        if (source !== undefined) yield x[source * channels + c]! * dy[pixel * channels + k]!;
      }
    },
  };
}
