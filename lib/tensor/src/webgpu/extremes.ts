/**
 * Comparisons of values that may be NaN, as expressions of WGSL. Vulkan's compilers may assume that there is no
 * NaN: NVIDIA's takes `x == x` for true and `select(x, 0, x < 0)` for `max`, which returns the number. `max`, `min`
 * and `clamp` would hide training that has diverged; tfjs keeps NaN. So NaN is told by its bits, and no result
 * rests on what a comparison says of it.
 *
 * A module that uses these expressions has {@link nanFunctions} among its declarations. `lanes` is the width of
 * the operands: 1, or 4 for vectors.
 */
import type { DType } from '../ops/index.js';

/** How many elements along the last axis an expression holds: one, or four as a vector. */
export type Lanes = 1 | 4;

const functionsOf = (lanes: Lanes): string => {
  const type = (scalar: string): string => (lanes === 4 ? `vec4<${scalar}>` : scalar);
  const word = (bits: string): string => (lanes === 4 ? `vec4<u32>(${bits})` : bits);
  const f32 = type('f32');
  return `
fn isNan${lanes}(x: ${f32}) -> ${type('bool')} {
  return (bitcast<${type('u32')}>(x) & ${word('0x7fffffffu')}) > ${word('0x7f800000u')};
}
fn areNumbers${lanes}(x: ${f32}, y: ${f32}) -> ${type('bool')} { return !(isNan${lanes}(x) | isNan${lanes}(y)); }
fn larger${lanes}(x: ${f32}, y: ${f32}) -> ${f32} {
  return select(select(select(y, x, x > y), y, isNan${lanes}(y)), x, isNan${lanes}(x));
}
fn smaller${lanes}(x: ${f32}, y: ${f32}) -> ${f32} {
  return select(select(select(y, x, x < y), y, isNan${lanes}(y)), x, isNan${lanes}(x));
}
fn atLeast${lanes}(x: ${f32}, bound: ${f32}) -> ${f32} {
  return select(select(x, bound, x < bound), x, isNan${lanes}(x));
}
fn atMost${lanes}(x: ${f32}, bound: ${f32}) -> ${f32} {
  return select(select(x, bound, x > bound), x, isNan${lanes}(x));
}`;
};

/** The functions that the expressions of this file call. */
export const nanFunctions = `${functionsOf(1)}${functionsOf(4)}`.trim();

/** Whether a float32 is NaN. */
export const isNan = (x: string, lanes: Lanes): string => `isNan${lanes}(${x})`;

/** The larger of two values, NaN where one of them is. */
export const larger = (x: string, y: string, dtype: DType, lanes: Lanes): string =>
  `${dtype === 'float32' ? `larger${lanes}` : 'max'}(${x}, ${y})`;
/** The smaller of two values, as {@link larger}. */
export const smaller = (x: string, y: string, dtype: DType, lanes: Lanes): string =>
  `${dtype === 'float32' ? `smaller${lanes}` : 'min'}(${x}, ${y})`;

/** A float32, or `bound`, a number, where it is less; NaN stays. */
export const atLeast = (x: string, bound: string, lanes: Lanes): string => `atLeast${lanes}(${x}, ${bound})`;
/** A float32, or `bound` where it is more, as {@link atLeast}. */
export const atMost = (x: string, bound: string, lanes: Lanes): string => `atMost${lanes}(${x}, ${bound})`;

/** A comparison of two names or literals, which is false of NaN. */
export const compared = (x: string, operator: string, y: string, dtype: DType, lanes: Lanes): string =>
  dtype === 'float32'
    ? `((${x} ${operator} ${y}) & areNumbers${lanes}(${x}, ${y}))`
    : `(${x} ${operator} ${y})`;
