/** The types of values in a graph: dtypes and static shapes. */
import { sizeOf } from 'oabn-base';
import type { tf } from '../engines/index.js';

/** What a compiled step can hold. */
export type DType = 'float32' | 'int32' | 'bool';
/** The lengths of a tensor's axes. */
export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Elements of a constant; one element stands for a tensor that is filled with it. */
export type ConstantData = Float32Array | Int32Array | Uint8Array;

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** The dtype of a tfjs tensor, or undefined for the ones that no step can hold (string, complex64). */
export function dtypeOf(dtype: tf.DataType): DType | undefined {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool' ? dtype : undefined;
}

/** All elements of a constant, with a filling written out. */
export function elementsOf(data: ConstantData, shape: Shape): ConstantData {
  const size = sizeOf(shape);
  if (data.length === size) return data;
  if (data instanceof Float32Array) return new Float32Array(size).fill(data[0]!);
  if (data instanceof Int32Array) return new Int32Array(size).fill(data[0]!);
  return new Uint8Array(size).fill(data[0]!);
}

/** A copy of the elements; a single one if all are equal. */
export function compacted(data: ArrayLike<number>, dtype: DType): ConstantData {
  const typed = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype].from(data);
  return typed.length > 1 && (typed as Float32Array).every((x) => Object.is(x, typed[0]))
    ? typed.slice(0, 1)
    : typed;
}
