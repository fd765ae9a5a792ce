/**
 * Reductions as sums that one pass builds up. Mean and variance of the same values come from one pass: of the
 * differences from a value of the column, which keeps the sums of squares from cancelling,
 *
 *     mean = k + S₁/n      variance = (S₂ − S₁²/n)/n      with S₁ = Σ(x − k), S₂ = Σ(x − k)²
 */
import {
  axesOf,
  type DType,
  type KernelCall,
  type KernelName,
  type KernelNode,
  reducedAxes,
  type ValueId,
} from '../../ops/index.js';
import { isOfKind, type OfKind } from './kinds.js';
import { reductionSpace, type Space } from './space.js';
import type { Values } from './values.js';
import { atLeast, larger, smaller } from '../extremes.js';
import { converted, expressionType, type Lanes, literal } from './wgsl.js';

export interface Reduction {
  readonly node: KernelCall<ReductionKernel>;
  readonly operation: Operation;
  readonly space: Space;
  /** The shape that is reduced, and its axes that are. */
  readonly shape: readonly number[];
  readonly axes: readonly number[];
  /** What is reduced; of bins, the weights, if there are any. */
  readonly input: ValueId | undefined;
  /** Of bins, the index of each item. */
  readonly index?: ValueId;
  /** How many values make one result. */
  readonly count: number;
  readonly output: ValueId;
  /** The result that is the variance around `output`. */
  readonly variance?: ValueId;
}

type ReductionKernel = OfKind<'reduction'>;
type Operation = Exclude<ReductionKernel, 'DenseBincount'> | 'Bins';

/** All reductions of a graph; a variance goes with its mean. */
export function reductionsOf(values: Values): Reduction[] {
  const found = new Map<ValueId, Reduction>();
  for (const node of values.graph.nodes) {
    if (node.kind !== 'kernel' || !isOfKind(node, 'reduction')) continue;
    const mean = node.kernel === 'Mean' ? meanOfVariance(values, node) : undefined;
    const first = mean === undefined ? undefined : found.get(mean);
    if (first && first.variance === undefined && first.operation === 'Mean') {
      found.set(mean!, { ...first, variance: node.outputs[0]!.id });
    } else {
      found.set(node.outputs[0]!.id, describe(values, node));
    }
  }
  return [...found.values()];
}

type ReductionNode = Extract<KernelNode, { readonly kernel: ReductionKernel }>;

function describe(values: Values, node: ReductionNode): Reduction {
  const [{ id: output }] = node.outputs as unknown as [{ id: ValueId }];
  if (node.kernel === 'DenseBincount') {
    const [index, weights] = node.inputs as [ValueId, ValueId];
    const items = values.size(index);
    const input = values.size(weights) > 0 ? weights : undefined;
    const space: Space = { kind: 'bins', items, bins: values.size(output) };
    return { node, operation: 'Bins', space, shape: [items], axes: [0], input, index, count: items, output };
  }
  const [input] = node.inputs as [ValueId];
  const operation = node.kernel;
  const { shape } = values.type(input);
  const single = node.kernel === 'ArgMax' || node.kernel === 'ArgMin';
  const axes = single
    ? axesOf(node.attributes.axis ?? 0, shape.length)
    : reducedAxes(node.attributes, shape.length);
  const space = reductionSpace(shape, axes, single);
  const count = values.size(input) / Math.max(1, values.size(output));
  return { node, operation, space, shape, axes, input, count, output };
}

/** The mean m of a mean((x − m)²) over the same axes of x. */
function meanOfVariance(values: Values, node: KernelCall<'Mean'>): ValueId | undefined {
  const kernelOf = <K extends KernelName>(id: ValueId, kernel: K): KernelCall<K> | undefined => {
    const made = values.node(values.base(id));
    return made.kind === 'kernel' && made.kernel === kernel ? (made as unknown as KernelCall<K>) : undefined;
  };
  const difference = kernelOf(kernelOf(node.inputs[0]!, 'Square')?.inputs[0] ?? node.inputs[0]!, 'Sub');
  if (!difference || !kernelOf(node.inputs[0]!, 'Square')) return undefined;
  const [x, m] = difference.inputs as [ValueId, ValueId];
  const mean = kernelOf(m, 'Mean');
  if (!mean || values.base(mean.inputs[0]!) !== values.base(x)) return undefined;
  const shapes = [node.inputs[0]!, mean.inputs[0]!].map((id) => values.type(id).shape);
  const axes = [node, mean].map((each, i) => reducedAxes(each.attributes, shapes[i]!.length).join());
  const alike = axes[0] === axes[1] && shapes[0]!.join() === shapes[1]!.join();
  return alike && values.type(x).dtype === 'float32' ? mean.outputs[0]!.id : undefined;
}

/** One running value of a reduction. */
export interface Accumulator {
  readonly dtype: DType;
  readonly start: (lanes: Lanes) => string;
  readonly combine: (a: string, b: string, lanes: Lanes) => string;
  /** The same in all threads: it is never combined. */
  readonly shared?: boolean;
}

const sum = (dtype: DType): Accumulator => ({
  dtype,
  start: (lanes) => literal(0, dtype, lanes),
  combine: (a, b) => `${a} + ${b}`,
});

export function accumulatorsOf(
  values: Values,
  { operation, output, input, variance }: Reduction,
): Accumulator[] {
  const dtype = values.type(output).dtype;
  const extreme = (start: number, type: DType, better: typeof larger): Accumulator => ({
    dtype: type,
    start: (lanes) => literal(start, type, lanes),
    combine: (a, b, lanes) => better(a, b, type, lanes),
  });
  const [largest, smallest] = dtype === 'int32' ? [2 ** 31 - 1, -(2 ** 31)] : [Infinity, -Infinity];
  switch (operation) {
    case 'Mean': {
      const pivot: Accumulator = {
        dtype: 'float32',
        start: (lanes) => literal(0, 'float32', lanes),
        combine: (a) => a,
        shared: true,
      };
      return variance === undefined ? [sum('float32')] : [pivot, sum('float32'), sum('float32')];
    }
    case 'Sum':
    case 'Bins':
      return [sum(dtype)];
    case 'Prod':
      return [{ dtype, start: (lanes) => literal(1, dtype, lanes), combine: (a, b) => `${a} * ${b}` }];
    case 'Max':
      return dtype === 'bool' ? [extreme(0, 'int32', larger)] : [extreme(smallest, dtype, larger)];
    case 'Min':
      return dtype === 'bool' ? [extreme(1, 'int32', smaller)] : [extreme(largest, dtype, smaller)];
    case 'All':
      return [extreme(1, 'int32', smaller)];
    case 'Any':
      return [extreme(0, 'int32', larger)];
    case 'ArgMax':
    case 'ArgMin': {
      const value = sum(values.type(input!).dtype === 'bool' ? 'int32' : values.type(input!).dtype);
      return [value, sum('int32')];
    }
    default:
      return operation satisfies never;
  }
}

/** The terms that one element brings to the accumulators. */
export function termsOf(
  reduction: Reduction,
  accumulators: readonly Accumulator[],
  x: string,
  dtype: DType,
  running: readonly string[],
  lanes: Lanes,
): string[] {
  if (reduction.variance === undefined) return [converted(x, dtype, accumulators[0]!.dtype, lanes)];
  const difference = `(${x} - ${running[0]})`;
  return [running[0]!, difference, `${difference} * ${difference}`];
}

/** The results from the accumulators. */
export function resultsOf(
  values: Values,
  { operation, output, count, variance }: Reduction,
  accumulators: readonly Accumulator[],
  running: readonly string[],
  lanes: Lanes,
): { readonly id: ValueId; readonly text: string }[] {
  const n = literal(count, 'float32', lanes);
  const dtype = values.type(output).dtype;
  if (variance !== undefined) {
    const [pivot, first, second] = running;
    const zero = literal(0, 'float32', lanes);
    const square = `(${second} - ${first} * ${first} / ${n}) / ${n}`;
    return [
      { id: output, text: `${pivot} + ${first} / ${n}` },
      { id: variance, text: atLeast(square, zero, lanes) },
    ];
  }
  if (operation === 'Mean') return [{ id: output, text: `${running[0]} / ${n}` }];
  if (operation === 'ArgMax' || operation === 'ArgMin') return [{ id: output, text: running[1]! }];
  return [{ id: output, text: converted(running[0]!, accumulators[0]!.dtype, dtype, lanes) }];
}

export const typeOfAccumulator = ({ dtype }: Accumulator, lanes: Lanes): string =>
  expressionType(dtype, lanes);
