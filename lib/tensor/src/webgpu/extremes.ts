/**
 * The larger and the smaller of two values, as expressions of WGSL. Its own `max`, `min` and `clamp` return the
 * number where a value is NaN, and so hide training that has diverged; tfjs keeps NaN.
 */
import type { DType } from '../ops/index.js';

/** WGSL's `!=` is false of NaN, too, on some drivers; `==` is nowhere true of it. */
const isNan = (x: string): string => `!(${x} == ${x})`;

const extreme =
  (name: 'max' | 'min', better: '>' | '<') =>
  (x: string, y: string, dtype: DType): string =>
    dtype === 'float32'
      ? `select(select(${y}, ${x}, ${x} ${better} ${y}), ${x}, ${isNan(x)})`
      : `${name}(${x}, ${y})`;

/** The larger of two values, NaN where one of them is. The text repeats both. */
export const larger = extreme('max', '>');
/** The smaller of two values, as {@link larger}. */
export const smaller = extreme('min', '<');

/** `x`, or `bound`, a number, where it is less; NaN stays. The text repeats both. */
export const atLeast = (x: string, bound: string): string => `select(${x}, ${bound}, ${x} < ${bound})`;
/** `x`, or `bound` where it is more, as {@link atLeast}. */
export const atMost = (x: string, bound: string): string => `select(${x}, ${bound}, ${x} > ${bound})`;
