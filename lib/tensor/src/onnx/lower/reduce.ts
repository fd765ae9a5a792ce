/**
 * Kernels that reduce axes. Means and sums over all images and positions of a blocked activation, the
 * statistics of normalization, are an average pool (one pass that only reads) and a small sum over images; of
 * an affine form they are the same combination of the statistics of its terms.
 */
import { axisOf, type KernelCall, reducedAxes, type ReductionName, sizeOf } from '../../ops/index.js';
import { type Builder, nchwc } from '../builder.js';
import {
  addVectors,
  blockedShape,
  type Lowering,
  multiplyVectors,
  sliceTo,
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
  switch (name) {
    case 'Mean':
      return reduce(b, 'Mean', b.cast(x, 'float32'), axes);
    case 'All':
      return b.cast(reduce(b, 'Min', b.cast(x, 'int32'), axes), 'bool');
    case 'Any':
      return b.cast(reduce(b, 'Max', b.cast(x, 'int32'), axes), 'bool');
    case 'Max':
    case 'Min':
    case 'Sum':
    case 'Prod':
      return b.cast(reduce(b, name, dtype === 'bool' ? b.cast(x, 'int32') : x, axes), value!.dtype);
    default:
      throw new Error(`unknown reduction ${name satisfies never}`);
  }
}

/** The reduction, without the reduced axes. */
export function reduce(
  b: Builder,
  name: 'Sum' | 'Mean' | 'Max' | 'Min' | 'Prod',
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
  const [n, , , c] = shape as [number, number, number, number];
  if (name === 'Mean' || name === 'Sum') {
    const count = sizeOf(shape) / c;
    if (axes === '0,1,2') {
      const mean = affineMean(l, id!);
      return sliceTo(
        b,
        vectorName(
          b,
          name === 'Sum' ? multiplyVectors(b, mean, count) : mean,
          blockedShape(shape, l.block)[1]!,
        ),
        [c],
      );
    }
    if (axes === '1,2') {
      const pooled = sliceTo(b, positionMean(b, l.blocked(id!)), [n, c]);
      if (name === 'Mean') return pooled;
      return b.emit('Mul', [pooled, b.floats([count / n], [])], { shape: [n, c] });
    }
    return undefined;
  }
  if ((name === 'Max' || name === 'Min') && axes === '0,1,2,3') {
    // Over positions first: of that the engine gives a part to each thread, and padding is left out after it.
    const x = l.blocked(id!);
    const [, channels, h, w] = b.shapeOf(x) as [number, number, number, number];
    const positions = b.reshape(x, [(n * channels) / l.block, h * w, l.block]);
    const each = b.reshape(reduce(b, name, positions, [1]), [n, channels]);
    return reduce(b, name, sliceTo(b, each, [n, c]), [0, 1]);
  }
  return undefined;
}

/** The mean over images and positions of Σ scale ⊙ x + offset, from the means of the x. */
function affineMean(l: Lowering, id: number): Vector {
  const { b } = l;
  const { terms, offset } = l.affine(id);
  return terms.reduce<Vector>((sum, { source, scale }) => {
    const name = source.kind === 'tensor' ? source.name : source.emit({});
    return addVectors(b, sum, multiplyVectors(b, channelMean(b, name), scale));
  }, offset);
}

/** [N, C padded, H, W] → [C padded] */
function channelMean(b: Builder, x: string): string {
  return reduce(b, 'Mean', positionMean(b, x), [0]);
}

/** [N, C padded, H, W] → [N, C padded] */
function positionMean(b: Builder, x: string): string {
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  if (h * w === 1) return b.reshape(x, [n, c]);
  const pooled = b.emit('GlobalAveragePool', [x], { shape: [n, c, 1, 1], domain: nchwc });
  return b.reshape(pooled, [n, c]);
}

function indexOf(op: 'ArgMax' | 'ArgMin'): Lower<'ArgMax' | 'ArgMin'> {
  return plainly(({ b }, [x], { shape }, { axis }) => {
    const attributes = { axis: axisOf(axis, b.shapeOf(x!).length), keepdims: 0 };
    return b.cast(b.emit(op, [x!], { type: 'int64', shape, attributes }), 'int32');
  });
}
