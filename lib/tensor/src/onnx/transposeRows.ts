/**
 * Transposing on all threads. ONNX Runtime's Transpose is the work of one thread, and there are several in
 * every convolution's gradient; its Gather gives each thread a part of the rows. So a transposition that
 * leaves the last axes where they are is written as a Gather of rows, by an order that is known beforehand.
 */
import { type Shape, sizeOf } from '../ops/index.js';
import type { Builder } from './builder.js';

/** Below this many numbers, one thread is done before another has begun. */
const fewestNumbers = 1 << 14;

const orders = new WeakMap<Builder, Map<string, string>>();

/** As `b.transpose`, for a permutation of the axes that keeps the last one last. */
export function transposeRows(b: Builder, name: string, permutation: readonly number[]): string {
  const shape = b.shapeOf(name);
  const moved = permutation.findLastIndex((axis, i) => axis !== i) + 1;
  if (moved === 0) return name;
  if (moved === shape.length || sizeOf(shape) < fewestNumbers) return b.transpose(name, permutation);
  const [leading, rest] = [shape.slice(0, moved), shape.slice(moved)];
  const order = permutation.slice(0, moved);
  const row = sizeOf(rest);
  const flat = b.reshape(name, [sizeOf(leading), row]);
  const picked = b.emit('Gather', [flat, rowOrder(b, leading, order)], {
    type: b.typeOf(name),
    shape: [sizeOf(leading), row],
    attributes: { axis: 0 },
  });
  return b.reshape(picked, [...order.map((axis) => leading[axis]!), ...rest]);
}

/**
 * The name of the constant that says which row of `shape` each row of the transposed tensor is; one for all
 * that ask.
 */
function rowOrder(b: Builder, shape: Shape, permutation: readonly number[]): string {
  const known = orders.get(b) ?? new Map<string, string>();
  orders.set(b, known);
  const key = `${shape.join()} ${permutation.join()}`;
  const name = known.get(key) ?? b.int32s(transposedRows(shape, permutation));
  known.set(key, name);
  return name;
}

/** Row numbers of a tensor of `shape`, in the order in which a transposition has them. */
export function transposedRows(shape: Shape, permutation: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  let rows = Int32Array.of(0);
  for (const axis of permutation) {
    const next = new Int32Array(rows.length * shape[axis]!);
    rows.forEach((row, i) => {
      for (let k = 0; k < shape[axis]!; k++) next[i * shape[axis]! + k] = row + k * strides[axis]!;
    });
    rows = next;
  }
  return rows;
}
