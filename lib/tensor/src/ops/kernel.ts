/** What a kernel is, whatever runs it: the tensors it reads, and the types of its results. */
import { tf } from '../engines/index.js';
import type { Attributes, Axes, KernelName } from './attributes.js';
import type { Shape, TensorType } from './types.js';

export interface Kernel<K extends KernelName> {
  /**
   * The names of the tensors it reads, in the order that `infer` and the lowerings see; `list` for any
   * number.
   */
  readonly inputs: readonly string[] | 'list';
  /** The types of its results. Called while tracing, so it is also where a shape error is found. */
  readonly infer: (inputs: readonly TensorType[], attributes: Attributes[K]) => readonly TensorType[];
}

export type Kernels<Names extends KernelName = KernelName> = {
  readonly [K in Names]: Kernel<K>;
};

/** A kernel of one result. */
export function kernel<K extends KernelName>(
  inputs: Kernel<K>['inputs'],
  infer: (inputs: readonly TensorType[], attributes: Attributes[K]) => TensorType,
): Kernel<K> {
  return { inputs, infer: (types, attributes) => [infer(types, attributes)] };
}

/** Reads one tensor, and its result has that tensor's type. */
export const likeItsInput = (input = 'x') => ({
  inputs: [input],
  infer: ([x]: readonly TensorType[]): readonly TensorType[] => [x!],
});

/** The shape of two tensors broadcast against each other. @throws an Error of tfjs when they do not fit */
export function broadcastShape(a: Shape, b: Shape): Shape {
  return tf.backend_util.assertAndGetBroadcastShape([...a], [...b]);
}

/** Axes counted from the front, in increasing order. */
export function axesOf(axis: Axes, rank: number): number[] {
  const list = axis === undefined || axis === null ? undefined : [axis].flat().map(Number);
  if (!list) return Array.from({ length: rank }, (_, i) => i);
  return list.map((i) => (i < 0 ? i + rank : i)).sort((x, y) => x - y);
}

/** One axis counted from the front; the first by default. */
export function axisOf(axis: number | null | undefined, rank: number): number {
  const index = Number(axis ?? 0);
  return index < 0 ? index + rank : index;
}
