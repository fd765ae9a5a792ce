/** Words of WGSL: types, literals and the buffers of a module. */
import type { DType } from '../../ops/index.js';
import { isNan, type Lanes, nanFunctions } from '../extremes.js';

export type { Lanes };

/** The type of an expression; booleans are `bool` in expressions and `i32` in buffers, as in tfjs. */
export function expressionType(dtype: DType, lanes: Lanes): string {
  const scalar = { float32: 'f32', int32: 'i32', bool: 'bool' }[dtype];
  return lanes === 4 ? `vec4<${scalar}>` : scalar;
}

/** The type of an element of a buffer. */
export function storedType(dtype: DType, lanes: Lanes): string {
  return expressionType(dtype === 'bool' ? 'int32' : dtype, lanes);
}

/**
 * A number as an expression. Infinities and NaN have no literal: they are made of bits that the compiler
 * cannot know.
 */
export function literal(value: number, dtype: DType, lanes: Lanes): string {
  const type = expressionType(dtype, lanes);
  return lanes === 4 ? `${type}(${scalarLiteral(value, dtype)})` : scalarLiteral(value, dtype);
}

function scalarLiteral(value: number, dtype: DType): string {
  switch (dtype) {
    case 'bool':
      return value ? 'true' : 'false';
    case 'int32':
      return value === -(2 ** 31) ? 'i32(-2147483647 - 1)' : `i32(${Math.trunc(value)})`;
    case 'float32': {
      const single = Math.fround(value);
      if (Number.isNaN(single)) return 'bitcast<f32>(bitsOfNan)';
      if (!Number.isFinite(single))
        return single > 0 ? 'bitcast<f32>(bitsOfInfinity)' : '-bitcast<f32>(bitsOfInfinity)';
      // A sign before a literal would bind looser than what stands before it.
      return `f32(${Object.is(single, -0) ? '-0.0' : single})`;
    }
    default:
      return dtype satisfies never;
  }
}

/** What literals and rules may use. */
const prelude = `
var<private> bitsOfInfinity: u32 = 0x7f800000u;
var<private> bitsOfNan: u32 = 0x7fc00000u;
${nanFunctions}
`;

/**
 * Converts an expression between dtypes as tfjs casts: fractions are cut off, and what is not zero is true. NaN
 * is true, and 0 as a whole number.
 */
export function converted(expression: string, from: DType, to: DType, lanes: Lanes): string {
  if (from === to) return expression;
  const mayBeNan = from === 'float32';
  if (to === 'bool') {
    const filled = `(${expression} != ${literal(0, from, lanes)})`;
    return mayBeNan ? `(${filled} | ${isNan(expression, lanes)})` : filled;
  }
  if (from === 'bool') return `select(${literal(0, to, lanes)}, ${literal(1, to, lanes)}, ${expression})`;
  const number = `${expressionType(to, lanes)}(${expression})`;
  return mayBeNan ? `select(${number}, ${literal(0, to, lanes)}, ${isNan(expression, lanes)})` : number;
}

/** One number for all lanes. */
export function splat(expression: string, dtype: DType, from: Lanes, to: Lanes): string {
  return from === to ? expression : `${expressionType(dtype, to)}(${expression})`;
}

/** A module whose buffers are `b0`, `b1`, …; `body` is the inside of `main`. */
export interface ModuleParts {
  readonly buffers: readonly { readonly type: string; readonly access: 'read' | 'read_write' }[];
  readonly workgroupSize: number;
  readonly declarations?: readonly string[];
  readonly body: readonly string[];
}

export function moduleText({ buffers, workgroupSize, declarations = [], body }: ModuleParts): string {
  const bound = buffers.map(
    ({ type, access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${type}>;`,
  );
  return [
    ...bound,
    prelude.trim(),
    ...declarations,
    `@compute @workgroup_size(${workgroupSize})`,
    'fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {',
    ...body.map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n');
}

/** The workgroups of a list of `count`, folded where one axis cannot count that far. */
export function foldedGroups(count: number): [number, number, number] {
  const widest = 65535;
  return count <= widest ? [Math.max(1, count), 1, 1] : [widest, Math.ceil(count / widest), 1];
}

/** The number of this workgroup in such a list. */
export const foldedGroup = '(group.y * 65535u + group.x)';
