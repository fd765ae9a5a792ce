/** Kernels that reduce axes, or walk along one. */
import type { Attributes } from './attributes.js';
import { axesOf, kernel, type Kernels, likeItsInput } from './kernel.js';
import type { DType, Shape, TensorType } from './types.js';

export type ReductionName = 'Sum' | 'Mean' | 'Max' | 'Min' | 'Prod' | 'All' | 'Any';

export const reduceKernels = {
  Sum: reduction('Sum'),
  Mean: reduction('Mean'),
  Max: reduction('Max'),
  Min: reduction('Min'),
  Prod: reduction('Prod'),
  All: reduction('All'),
  Any: reduction('Any'),
  ArgMax: kernel(['x'], ([x], { axis }) => indexType(x!, axis)),
  ArgMin: kernel(['x'], ([x], { axis }) => indexType(x!, axis)),
  Cumsum: likeItsInput(),
  Softmax: likeItsInput('logits'),
} satisfies Partial<Kernels>;

function reduction(name: ReductionName) {
  const dtype = (x: TensorType): DType => {
    if (name === 'Mean') return 'float32';
    if (name === 'All' || name === 'Any') return 'bool';
    return (name === 'Sum' || name === 'Prod') && x.dtype === 'bool' ? 'int32' : x.dtype;
  };
  return {
    inputs: ['x'],
    infer: ([x]: readonly TensorType[], attributes: Attributes[ReductionName]): readonly TensorType[] => {
      const axes = reducedAxes(attributes, x!.shape.length);
      return [{ dtype: dtype(x!), shape: reducedShape(x!.shape, axes, attributes.keepDims === true) }];
    },
  };
}

/** The axes to reduce, counted from the front; the kernel Max has a name of its own for them. */
export function reducedAxes(attributes: Attributes[ReductionName], rank: number): number[] {
  return axesOf('reductionIndices' in attributes ? attributes.reductionIndices : axisIn(attributes), rank);
}

const axisIn = (attributes: Attributes[ReductionName]) =>
  'axis' in attributes ? attributes.axis : undefined;

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  if (keepDims) return shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return shape.filter((_, i) => !axes.includes(i));
}

function indexType({ shape }: TensorType, axis: number | undefined): TensorType {
  return { dtype: 'int32', shape: reducedShape(shape, axesOf(axis, shape.length), false) };
}
