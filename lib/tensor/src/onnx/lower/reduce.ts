/**
 * Kernels that reduce axes. Means and sums over all images and positions of a blocked activation, the
 * statistics of normalization, are an average pool (one pass that only reads) and a small sum over images; of
 * an affine form they are the same combination of the statistics of its terms; of a product of activations
 * (variances, gradients of normalization) they are one pass, too, without the product.
 */
import { axisOf, type KernelCall, reducedAxes, type ReductionName, sizeOf } from '../../ops/index.js';
import { type Builder, nchwc } from '../builder.js';
import {
  addVectors,
  blockedShape,
  emitConvolution,
  type Lowering,
  multiplyVectors,
  sliceTo,
  type Source,
  vectorName,
  type Vector,
} from '../layout.js';
import { type Lower, type Lowerings, plainly } from './lowering.js';

type ReduceName = ReductionName | 'ArgMax' | 'ArgMin' | 'Cumsum' | 'Softmax';

export const reduceLowerings: Lowerings<ReduceName> = {
  Sum: lowerReduction,
  Mean: lowerReduction,
  Max: lowerReduction,
  Min: lowerReduction,
  Prod: lowerReduction,
  All: lowerReduction,
  Any: lowerReduction,
  ArgMax: indexOf('ArgMax'),
  ArgMin: indexOf('ArgMin'),
  Cumsum: plainly(({ b }, [x], { shape, dtype }, { axis, exclusive, reverse }) =>
    b.emit('CumSum', [x!, b.int64s([axisOf(axis, shape.length)], [])], {
      shape,
      type: dtype,
      attributes: { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 },
    }),
  ),
  Softmax: plainly(({ b }, [x], { shape }, { dim }) =>
    b.emit('Softmax', [x!], { shape, attributes: { axis: axisOf(dim ?? -1, shape.length) } }),
  ),
};

function lowerReduction(l: Lowering, node: KernelCall<ReductionName>): void {
  const [value] = node.outputs;
  const name = lowerBlocked(l, node) ?? lowerPlain(l, node);
  l.set(value!.id, { kind: 'plain', name: l.b.reshape(name, value!.shape) });
}

function lowerPlain(l: Lowering, node: KernelCall<ReductionName>): string {
  const { b } = l;
  const name = node.kernel;
  const [value] = node.outputs;
  const [id] = node.inputs;
  const { shape, dtype } = l.typeOf(id!);
  const axes = reducedAxes(node.attributes, shape.length);
  const x = l.plain(id!);
  const ofWhole = (kind: 'Max' | 'Min' | 'Sum' | 'Prod'): string =>
    b.cast(reduce(b, kind, dtype === 'bool' ? b.cast(x, 'int32') : x, axes), value!.dtype);
  switch (name) {
    case 'Mean':
      return reduce(b, 'Mean', b.cast(x, 'float32'), axes);
    case 'All':
      return b.cast(reduce(b, 'Min', b.cast(x, 'int32'), axes), 'bool');
    case 'Any':
      return b.cast(reduce(b, 'Max', b.cast(x, 'int32'), axes), 'bool');
    case 'Max':
    case 'Min':
      return dtype === 'float32' ? extreme(b, name, x, axes) : ofWhole(name);
    case 'Sum':
    case 'Prod':
      return dtype === 'float32' ? reduce(b, name, x, axes) : ofWhole(name);
    default:
      throw new Error(`unknown reduction ${name satisfies never}`);
  }
}

/**
 * Max or Min of floats, NaN where one of them is: ONNX Runtime's own leave it out unless it comes first, and a
 * training that has diverged would look sound. A sum of squares is NaN for no other reason.
 */
function extreme(b: Builder, name: 'Max' | 'Min', x: string, axes: readonly number[]): string {
  return orNan(b, reduce(b, name, x, axes), reduce(b, 'SumSquare', x, axes));
}

/** `x`, or NaN where `squares`, of the same shape, is. */
function orNan(b: Builder, x: string, squares: string): string {
  if (x === squares) return x;
  const shape = b.shapeOf(x);
  const isNan = b.emit('IsNaN', [squares], { shape, type: 'bool' });
  return b.emit('Where', [isNan, squares, x], { shape });
}

/** The reduction, without the reduced axes. */
export function reduce(
  b: Builder,
  name: 'Sum' | 'SumSquare' | 'Mean' | 'Max' | 'Min' | 'Prod',
  x: string,
  axes: readonly number[],
): string {
  const from = b.shapeOf(x);
  const shape = from.filter((_, i) => !axes.includes(i));
  if (axes.length === 0) return x;
  if (sizeOf(axes.map((axis) => from[axis]!)) === 1) return b.reshape(x, shape);
  const type = b.typeOf(x);
  // In opset 17, the axes of ReduceSum are an input, those of the others an attribute.
  if (name === 'Sum') {
    return b.emit('ReduceSum', [x, b.int64s(axes)], { type, shape, attributes: { keepdims: 0 } });
  }
  return b.emit(`Reduce${name}`, [x], { type, shape, attributes: { axes, keepdims: 0 } });
}

/** Reductions of a blocked activation: over images and positions, over positions, or over everything. */
function lowerBlocked(l: Lowering, node: KernelCall<ReductionName>): string | undefined {
  const name = node.kernel;
  const [id] = node.inputs;
  const { shape, dtype } = l.typeOf(id!);
  if (!l.isBlocked(id!) || shape.length !== 4 || dtype !== 'float32') return undefined;
  const axes = reducedAxes(node.attributes, 4).join();
  const { b } = l;
  const [n, h, w, c] = shape as [number, number, number, number];
  if (name === 'Mean' || name === 'Sum') {
    if (axes === '0,1,2') {
      const vector = statistic(l, id!, name);
      return sliceTo(b, vectorName(b, vector, blockedShape(shape, l.block)[1]!), [c]);
    }
    if (axes === '1,2') {
      const pooled = sliceTo(b, positionMean(b, l.blocked(id!)), [n, c]);
      if (name === 'Mean') return pooled;
      return b.emit('Mul', [pooled, b.floats([h * w], [])], { shape: [n, c] });
    }
    return undefined;
  }
  if ((name === 'Max' || name === 'Min') && axes === '0,1,2,3') {
    // Over positions first: of that the engine gives a part to each thread, and padding is left out after it.
    const x = l.blocked(id!);
    const [, channels, h, w] = b.shapeOf(x) as [number, number, number, number];
    const positions = b.reshape(x, [(n * channels) / l.block, h * w, l.block]);
    const each = b.reshape(reduce(b, name, positions, [1]), [n, channels]);
    const found = reduce(b, name, sliceTo(b, each, [n, c]), [0, 1]);
    return orNan(b, found, reduce(b, 'Sum', positionSums(b, [x, x]), [0, 1, 2, 3]));
  }
  return undefined;
}

/**
 * The mean or sum over images and positions of Σ scale ⊙ x + offset, from those of the x: a vector [C
 * padded].
 */
function statistic(l: Lowering, id: number, name: 'Mean' | 'Sum'): Vector {
  const { b } = l;
  const { terms, offset } = l.affine(id);
  const [n, h, w] = l.typeOf(id).shape as [number, number, number, number];
  return terms.reduce<Vector>(
    (sum, { source, scale }) =>
      addVectors(b, sum, multiplyVectors(b, statisticOf(b, source, name, n * h * w), scale)),
    name === 'Sum' ? multiplyVectors(b, offset, n * h * w) : offset,
  );
}

/** Over `count` images and positions. A pool gives means, a product's convolution sums. */
function statisticOf(b: Builder, source: Source, name: 'Mean' | 'Sum', count: number): Vector {
  if (source.kind === 'product') {
    const sum = reduce(b, 'Sum', positionSums(b, source.factors), axesButChannels);
    return name === 'Sum' ? sum : multiplyVectors(b, sum, Math.fround(1 / count));
  }
  const pooled = pool(b, source.kind === 'tensor' ? source.name : source.emit({}));
  const mean = reduce(b, 'Mean', pooled, axesButChannels);
  return name === 'Mean' ? mean : multiplyVectors(b, mean, count);
}

const axesButChannels = [0, 2, 3];

/**
 * Sums over positions of x·y, without computing the product: with images and channels together as channels,
 * one tensor is the kernel, as large as the other, of a depthwise convolution; a kernel's blocked layout is
 * that of activations. One pass that only reads.
 */
function positionSums(b: Builder, [x, y]: readonly [string, string]): string {
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  const channels = n * c;
  const kernel = b.reshape(y, [channels, 1, h, w]);
  const image = b.reshape(x, [1, channels, h, w]);
  const sums = emitConvolution(b, image, kernel, [1, channels, 1, 1], {}, { group: channels });
  return b.reshape(sums, [n, c, 1, 1]);
}

/** [N, C padded, H, W] → [N, C padded] */
function positionMean(b: Builder, x: string): string {
  const [n, c] = b.shapeOf(x) as [number, number, number, number];
  return b.reshape(pool(b, x), [n, c]);
}

/** [N, C padded, H, W] → [N, C padded, 1, 1] */
function pool(b: Builder, x: string): string {
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  return h * w === 1 ? x : b.emit('GlobalAveragePool', [x], { shape: [n, c, 1, 1], domain: nchwc });
}

function indexOf(op: 'ArgMax' | 'ArgMin'): Lower<'ArgMax' | 'ArgMin'> {
  return plainly(({ b }, [x], { shape }, { axis }) => {
    const attributes = { axis: axisOf(axis, b.shapeOf(x!).length), keepdims: 0 };
    return b.cast(b.emit(op, [x!], { type: 'int64', shape, attributes }), 'int32');
  });
}
