/** Kernels that move elements: reshaping, slicing, joining, repeating, and tensors of one value. */
import { sizeOf } from 'oabn-base';
import { tf } from '../engines/index.js';
import type { Attributes } from './attributes.js';
import { axisOf, kernel, type Kernels, likeItsInput } from './kernel.js';
import type { DType, Shape } from './types.js';

export const arrangeKernels = {
  Reshape: kernel(['x'], ([x], { shape }) => ({
    dtype: x!.dtype,
    shape: tf.util.inferFromImplicitShape(shape, sizeOf(x!.shape)),
  })),
  ExpandDims: kernel(['input'], ([x], { dim }) => ({
    dtype: x!.dtype,
    shape: x!.shape.toSpliced(axisOf(dim, x!.shape.length + 1), 0, 1),
  })),
  ZerosLike: likeItsInput(),
  OnesLike: likeItsInput(),
  Fill: kernel([], (_, { shape, dtype, value }) => ({
    shape,
    dtype: dtype ?? (tf.util.inferDtype(value) as DType),
  })),
  Range: kernel([], (_, attributes) => ({ dtype: attributes.dtype, shape: [rangeOf(attributes).length] })),
  Transpose: kernel(['x'], ([x], { perm }) => ({
    dtype: x!.dtype,
    shape: perm.map((axis) => x!.shape[axis]!),
  })),
  Slice: kernel(['x'], ([x], attributes) => ({
    dtype: x!.dtype,
    shape: sliceBounds(x!.shape, attributes).size,
  })),
  PadV2: kernel(['x'], ([x], { paddings }) => ({
    dtype: x!.dtype,
    shape: x!.shape.map((size, i) => size + sum(paddings[i]!)),
  })),
  Tile: kernel(['x'], ([x], { reps }) => ({
    dtype: x!.dtype,
    shape: x!.shape.map((size, i) => size * reps[i]!),
  })),
  Concat: kernel('list', (types, { axis }) => {
    const [first] = types;
    const at = axisOf(axis, first!.shape.length);
    return { dtype: first!.dtype, shape: first!.shape.with(at, sum(types.map(({ shape }) => shape[at]!))) };
  }),
  Pack: kernel('list', ([x, ...rest], { axis }) => ({
    dtype: x!.dtype,
    shape: x!.shape.toSpliced(axisOf(axis, x!.shape.length + 1), 0, rest.length + 1),
  })),
  SplitV: {
    inputs: ['x'],
    infer: ([x], attributes) =>
      splitShapes(x!.shape, attributes).map((shape) => ({ dtype: x!.dtype, shape })),
  },
  Unpack: {
    inputs: ['value'],
    infer: ([x], { axis }) => {
      const at = axisOf(axis, x!.shape.length);
      const shape = x!.shape.filter((_, i) => i !== at);
      return Array.from({ length: x!.shape[at]! }, () => ({ dtype: x!.dtype, shape }));
    },
  },
  Reverse: likeItsInput(),
  StridedSlice: kernel(['x'], ([x], attributes) => ({
    dtype: x!.dtype,
    shape: stridedSlice(x!.shape, attributes).shape,
  })),
} satisfies Partial<Kernels>;

/** The numbers of a range, as `tf.range`: from start, before stop. */
export function rangeOf({ start, stop, step }: Attributes['Range']): number[] {
  const [from, by] = [Number(start), Number(step)];
  return Array.from({ length: Math.max(0, Math.ceil((Number(stop) - from) / by)) }, (_, i) => from + i * by);
}

/**
 * Where a slice begins in a tensor of `shape`, and its size. @throws an Error of tfjs when it is not inside
 */
export function sliceBounds(
  shape: Shape,
  { begin, size }: Attributes['Slice'],
): { readonly begin: readonly number[]; readonly size: readonly number[] } {
  const tensor = shaped(shape);
  const [from, extent] = tf.slice_util.parseSliceParams(tensor, begin, size);
  tf.slice_util.assertParamsValid(tensor, from!, extent!);
  return { begin: from!, size: extent! };
}

/** The shapes of the parts of a split tensor of `shape`. */
function splitShapes(shape: Shape, { numOrSizeSplits, axis }: Attributes['SplitV']): Shape[] {
  const at = axisOf(axis, shape.length);
  const sizes = tf.backend_util.prepareSplitSize(shaped(shape), numOrSizeSplits, at);
  return sizes.map((size) => shape.with(at, size));
}

export interface StridedBounds {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides: readonly number[];
  /** Elements along each axis of the tensor, before axes go or come. */
  readonly size: Shape;
  /** Of the result. */
  readonly shape: Shape;
}

/** A strided slice of a tensor of `shape`, with its masks resolved. */
export function stridedSlice(shape: Shape, attributes: Attributes['StridedSlice']): StridedBounds {
  const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
    [...shape],
    attributes.begin,
    attributes.end,
    attributes.strides,
    Number(beginMask),
    Number(endMask),
    Number(ellipsisMask),
    Number(newAxisMask),
    Number(shrinkAxisMask),
  );
  const size = begin.map((from, i) => Math.max(0, Math.ceil((end[i]! - from) / strides[i]!)));
  return { begin, end, strides, size, shape: finalShape };
}

/** What tfjs's functions of shapes look at in a tensor. */
function shaped(shape: Shape): tf.Tensor {
  return { shape: [...shape], rank: shape.length } as unknown as tf.Tensor;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
