/** Kernels that move elements: reshaping, slicing, joining, repeating, and tensors of one value. */
import { tf } from '../engines/index.js';
import { type DType, type KernelAttributes, type Shape, sizeOf, type TensorType } from '../trace/ir.js';
import type { Builder } from '../onnx/builder.js';
import { type Lowering, sliceOf } from '../onnx/layout.js';
import { axesOf, axisOf, type Kernel, type Kernels, plainKernel } from './kernel.js';

/** The same elements in the same order under another shape. */
function reshaping(shapeOf: (x: TensorType, attributes: KernelAttributes) => Shape, input = 'x'): Kernel {
  return {
    inputs: [input],
    infer: ([x], attributes) => [{ dtype: x!.dtype, shape: shapeOf(x!, attributes) }],
    lower: (l, node) => {
      const [value] = node.outputs;
      const name = l.b.reshape(l.plain(node.inputs[0]!), value!.shape);
      l.set(value!.id, { kind: 'plain', name });
    },
  };
}

function filled(value: number): Kernel {
  return plainKernel(
    ['x'],
    ([x]) => x!,
    ({ b }, _names, { shape, dtype }) => fill(b, value, shape, dtype),
  );
}

export const arrangeKernels: Kernels = {
  Reshape: reshaping((x, { shape }) => tf.util.inferFromImplicitShape(shape as number[], sizeOf(x.shape))),
  ExpandDims: reshaping((x, { dim }) => {
    const shape = [...x.shape];
    shape.splice(axisOf(dim, x.shape.length + 1), 0, 1);
    return shape;
  }, 'input'),
  ZerosLike: filled(0),
  OnesLike: filled(1),
  Fill: plainKernel(
    [],
    (_, { shape, dtype, value }) => ({
      shape: shape as Shape,
      dtype: (dtype as DType | undefined) ?? (tf.util.inferDtype(value as number) as DType),
    }),
    ({ b }, _names, { shape, dtype }, { value }) => fill(b, Number(value), shape, dtype),
  ),
  Range: plainKernel(
    [],
    (_, attributes) => ({ dtype: attributes['dtype'] as DType, shape: [rangeOf(attributes).length] }),
    ({ b }, _names, { dtype }, attributes) =>
      dtype === 'int32' ? b.int32s(rangeOf(attributes)) : b.floats(rangeOf(attributes)),
  ),
  Transpose: plainKernel(
    ['x'],
    ([x], { perm }) => ({ dtype: x!.dtype, shape: (perm as number[]).map((axis) => x!.shape[axis]!) }),
    ({ b }, [x], _type, { perm }) => b.transpose(x!, perm as number[]),
  ),
  Slice: plainKernel(
    ['x'],
    ([x], { begin, size }) => ({ dtype: x!.dtype, shape: sliceBounds(x!, begin, size)[1] }),
    ({ b }, [x], _type, { begin, size }) => {
      const [from, extent] = sliceBounds({ shape: b.shapeOf(x!) }, begin, size);
      return sliceOf(b, x!, from, extent);
    },
  ),
  PadV2: plainKernel(
    ['x'],
    ([x], { paddings }) => ({
      dtype: x!.dtype,
      shape: x!.shape.map((size, i) => size + sum((paddings as number[][])[i]!)),
    }),
    ({ b }, [x], { shape, dtype }, { paddings, constantValue }) => {
      const pads = paddings as number[][];
      const amounts = b.int64s([...pads.map(([before]) => before!), ...pads.map(([, after]) => after!)]);
      const value =
        dtype === 'int32' ? b.int32s([Number(constantValue)], []) : b.floats([Number(constantValue)], []);
      return b.emit('Pad', [x!, amounts, value], { shape, type: dtype });
    },
  ),
  Tile: plainKernel(
    ['x'],
    ([x], { reps }) => ({ dtype: x!.dtype, shape: x!.shape.map((size, i) => size * (reps as number[])[i]!) }),
    ({ b }, [x], { shape, dtype }, { reps }) => {
      // Repeating axes of one element is a broadcast, which ONNX Runtime does faster.
      if (b.shapeOf(x!).every((size, i) => size === 1 || (reps as number[])[i] === 1)) {
        return b.emit('Expand', [x!, b.int64s(shape)], { shape, type: dtype });
      }
      return b.emit('Tile', [x!, b.int64s(reps as number[])], { shape, type: dtype });
    },
  ),
  Concat: {
    inputs: 'list',
    infer: (types, { axis }) => {
      const at = axisOf(axis, types[0]!.shape.length);
      const shape = [...types[0]!.shape];
      shape[at] = sum(types.map((type) => type.shape[at]!));
      return [{ dtype: types[0]!.dtype, shape }];
    },
    lower: (l, node) => {
      const [value] = node.outputs;
      const names = node.inputs.filter((id) => sizeOf(l.typeOf(id).shape) > 0).map((id) => l.plain(id));
      const axis = axisOf(node.attributes['axis'], value!.shape.length);
      l.set(value!.id, { kind: 'plain', name: concat(l.b, names, axis) });
    },
  },
  Pack: {
    inputs: 'list',
    infer: ([x, ...rest], { axis }) => {
      const shape = [...x!.shape];
      shape.splice(axisOf(axis, shape.length + 1), 0, rest.length + 1);
      return [{ dtype: x!.dtype, shape }];
    },
    lower: (l, node) => {
      const [value] = node.outputs;
      const axis = axisOf(node.attributes['axis'], value!.shape.length);
      const one = value!.shape.map((size, i) => (i === axis ? 1 : size));
      const names = node.inputs.map((id) => l.b.reshape(l.plain(id), one));
      l.set(value!.id, { kind: 'plain', name: concat(l.b, names, axis) });
    },
  },
  SplitV: {
    inputs: ['x'],
    infer: ([x], attributes) =>
      splitSizes(x!.shape, attributes).map((size) => ({ dtype: x!.dtype, shape: size })),
    lower: (l, node) => {
      const axis = axisOf(node.attributes['axis'], node.outputs[0]!.shape.length);
      lowerParts(l, node.inputs[0]!, node.outputs, axis, (shape) => shape);
    },
  },
  Unpack: {
    inputs: ['value'],
    infer: ([x], { axis }) => {
      const at = axisOf(axis, x!.shape.length);
      const shape = x!.shape.filter((_, i) => i !== at);
      return Array.from({ length: x!.shape[at]! }, () => ({ dtype: x!.dtype, shape }));
    },
    lower: (l, node) => {
      const at = axisOf(node.attributes['axis'], l.typeOf(node.inputs[0]!).shape.length);
      lowerParts(l, node.inputs[0]!, node.outputs, at, (shape) => [
        ...shape.slice(0, at),
        1,
        ...shape.slice(at),
      ]);
    },
  },
  Reverse: plainKernel(
    ['x'],
    ([x]) => x!,
    ({ b }, [x], { shape, dtype }, { dims }) => {
      const axes = axesOf(dims, shape.length);
      const each = (value: number): string => b.int64s(axes.map(() => value));
      const inputs = [x!, each(-1), each(-Number.MAX_SAFE_INTEGER), b.int64s(axes), each(-1)];
      return axes.length === 0 ? x! : b.emit('Slice', inputs, { shape, type: dtype });
    },
  ),
  StridedSlice: plainKernel(
    ['x'],
    ([x], attributes) => ({ dtype: x!.dtype, shape: stridedSlice(x!.shape, attributes).finalShape }),
    ({ b }, [x], { shape, dtype }, attributes) => {
      const { begin, end, strides } = stridedSlice(b.shapeOf(x!), attributes);
      const sliced = begin.map((from, i) => Math.max(0, Math.ceil((end[i]! - from) / strides[i]!)));
      const axes = b.int64s(begin.map((_, i) => i));
      const ends = end.map((to) => (to < 0 ? -Number.MAX_SAFE_INTEGER : to));
      const inputs = [x!, b.int64s(begin), b.int64s(ends), axes, b.int64s(strides)];
      return b.reshape(b.emit('Slice', inputs, { shape: sliced, type: dtype }), shape);
    },
  ),
};

/** As `tf.range`: from start, before stop. */
function rangeOf({ start, stop, step }: KernelAttributes): number[] {
  const [from, by] = [Number(start), Number(step)];
  return Array.from({ length: Math.max(0, Math.ceil((Number(stop) - from) / by)) }, (_, i) => from + i * by);
}

function lowerParts(
  l: Lowering,
  input: number,
  outputs: readonly (TensorType & { id: number })[],
  axis: number,
  sliceShape: (shape: Shape) => Shape,
): void {
  const x = l.plain(input);
  let from = 0;
  for (const { id, shape } of outputs) {
    const size = sliceShape(shape);
    const begin = size.map((_, i) => (i === axis ? from : 0));
    l.set(id, { kind: 'plain', name: l.b.reshape(sliceOf(l.b, x, begin, size), shape) });
    from += size[axis]!;
  }
}

export function fill(b: Builder, value: number, shape: Shape, dtype: DType): string {
  const element = { float32: b.floats, int32: b.int32s, bool: b.bools }[dtype]([value], []);
  return shape.length === 0 ? element : b.emit('Expand', [element, b.int64s(shape)], { shape, type: dtype });
}

export function concat(b: Builder, names: readonly string[], axis: number): string {
  if (names.length === 1) return names[0]!;
  const shape = [...b.shapeOf(names[0]!)];
  shape[axis] = sum(names.map((name) => b.shapeOf(name)[axis]!));
  return b.emit('Concat', names, { shape, type: b.typeOf(names[0]!), attributes: { axis } });
}

function sliceBounds({ shape }: { shape: Shape }, begin: unknown, size: unknown): [number[], number[]] {
  const proxy = { shape: [...shape], rank: shape.length } as unknown as tf.Tensor;
  const [from, extent] = tf.slice_util.parseSliceParams(proxy, begin as number[], size as number[]);
  tf.slice_util.assertParamsValid(proxy, from!, extent!);
  return [from!, extent!];
}

function splitSizes(shape: Shape, { numOrSizeSplits, axis }: KernelAttributes): Shape[] {
  const at = axisOf(axis, shape.length);
  const proxy = { shape: [...shape], rank: shape.length } as unknown as tf.Tensor;
  const sizes = tf.backend_util.prepareSplitSize(proxy, numOrSizeSplits as number[], at);
  return sizes.map((size) => shape.map((n, i) => (i === at ? size : n)));
}

function stridedSlice(shape: Shape, attributes: KernelAttributes) {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  return tf.slice_util.sliceInfo(
    [...shape],
    begin as number[],
    end as number[],
    strides as number[],
    Number(beginMask),
    Number(endMask),
    Number(ellipsisMask),
    Number(newAxisMask),
    Number(shrinkAxisMask),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
