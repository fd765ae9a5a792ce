/** Kernels that move elements: reshaping, slicing, joining, repeating, and tensors of one value. */
import {
  axesOf,
  axisOf,
  type DType,
  type KernelCall,
  rangeOf,
  type Shape,
  sizeOf,
  sliceBounds,
  stridedSlice,
  type Value,
} from '../../ops/index.js';
import type { Builder } from '../builder.js';
import { type Lowering, sliceOf } from '../layout.js';
import { type Lower, type Lowerings, plainly } from './lowering.js';

type ArrangeName =
  | ('Reshape' | 'ExpandDims' | 'ZerosLike' | 'OnesLike' | 'Fill' | 'Range' | 'Transpose' | 'Slice')
  | ('PadV2' | 'Tile' | 'Concat' | 'Pack' | 'SplitV' | 'Unpack' | 'Reverse' | 'StridedSlice');

export const arrangeLowerings: Lowerings<ArrangeName> = {
  Reshape: lowerReshape,
  ExpandDims: lowerReshape,
  ZerosLike: filledWith(0),
  OnesLike: filledWith(1),
  Fill: plainly(({ b }, _names, { shape, dtype }, { value }) => fill(b, Number(value), shape, dtype)),
  Range: plainly(({ b }, _names, { dtype }, attributes) =>
    dtype === 'int32' ? b.int32s(rangeOf(attributes)) : b.floats(rangeOf(attributes)),
  ),
  Transpose: plainly(({ b }, [x], _type, { perm }) => b.transpose(x!, perm)),
  Slice: plainly(({ b }, [x], _type, attributes) => {
    const { begin, size } = sliceBounds(b.shapeOf(x!), attributes);
    return sliceOf(b, x!, begin, size);
  }),
  PadV2: plainly(({ b }, [x], { shape, dtype }, { paddings, constantValue }) => {
    const amounts = b.int64s([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
    const value =
      dtype === 'int32' ? b.int32s([Number(constantValue)], []) : b.floats([Number(constantValue)], []);
    return b.emit('Pad', [x!, amounts, value], { shape, type: dtype });
  }),
  Tile: plainly(({ b }, [x], { shape, dtype }, { reps }) => {
    // Repeating axes of one element is a broadcast, which ONNX Runtime does faster.
    if (b.shapeOf(x!).every((size, i) => size === 1 || reps[i] === 1)) {
      return b.emit('Expand', [x!, b.int64s(shape)], { shape, type: dtype });
    }
    return b.emit('Tile', [x!, b.int64s(reps)], { shape, type: dtype });
  }),
  Concat: (l, node) => {
    const [value] = node.outputs;
    const names = node.inputs.filter((id) => sizeOf(l.typeOf(id).shape) > 0).map((id) => l.plain(id));
    const axis = axisOf(node.attributes.axis, value!.shape.length);
    const { shape, dtype } = value!;
    const name = names.length === 0 ? fill(l.b, 0, shape, dtype) : concat(l.b, names, axis);
    l.set(value!.id, { kind: 'plain', name });
  },
  Pack: (l, node) => {
    const [value] = node.outputs;
    const axis = axisOf(node.attributes.axis, value!.shape.length);
    const one = value!.shape.map((size, i) => (i === axis ? 1 : size));
    const names = node.inputs.map((id) => l.b.reshape(l.plain(id), one));
    l.set(value!.id, { kind: 'plain', name: concat(l.b, names, axis) });
  },
  SplitV: (l, node) => {
    const axis = axisOf(node.attributes.axis, node.outputs[0]!.shape.length);
    lowerParts(l, node.inputs[0]!, node.outputs, axis, (shape) => shape);
  },
  Unpack: (l, node) => {
    const at = axisOf(node.attributes.axis, l.typeOf(node.inputs[0]!).shape.length);
    lowerParts(l, node.inputs[0]!, node.outputs, at, (shape) => [
      ...shape.slice(0, at),
      1,
      ...shape.slice(at),
    ]);
  },
  Reverse: plainly(({ b }, [x], { shape, dtype }, { dims }) => {
    const axes = axesOf(dims, shape.length);
    const each = (value: number): string => b.int64s(axes.map(() => value));
    const inputs = [x!, each(-1), each(-Number.MAX_SAFE_INTEGER), b.int64s(axes), each(-1)];
    return axes.length === 0 ? x! : b.emit('Slice', inputs, { shape, type: dtype });
  }),
  StridedSlice: plainly(({ b }, [x], { shape, dtype }, attributes) => {
    const { begin, end, strides, size } = stridedSlice(b.shapeOf(x!), attributes);
    const axes = b.int64s(begin.map((_, i) => i));
    const ends = end.map((to) => (to < 0 ? -Number.MAX_SAFE_INTEGER : to));
    const inputs = [x!, b.int64s(begin), b.int64s(ends), axes, b.int64s(strides)];
    return b.reshape(b.emit('Slice', inputs, { shape: size, type: dtype }), shape);
  }),
};

/** The same elements in the same order under another shape. */
function lowerReshape(l: Lowering, node: KernelCall<'Reshape' | 'ExpandDims'>): void {
  const [value] = node.outputs;
  l.set(value!.id, { kind: 'plain', name: l.b.reshape(l.plain(node.inputs[0]!), value!.shape) });
}

function filledWith(value: number): Lower<'ZerosLike' | 'OnesLike'> {
  return plainly(({ b }, _names, { shape, dtype }) => fill(b, value, shape, dtype));
}

function lowerParts(
  l: Lowering,
  input: number,
  outputs: readonly Value[],
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

function concat(b: Builder, names: readonly string[], axis: number): string {
  if (names.length === 1) return names[0]!;
  const sizes = names.map((name) => b.shapeOf(name)[axis]!);
  const shape = b.shapeOf(names[0]!).with(
    axis,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  return b.emit('Concat', names, { shape, type: b.typeOf(names[0]!), attributes: { axis } });
}
