/** Kernels that look up, count, sort and search. */
import { axisOf, type KernelCall, type Shape, sizeOf } from '../../ops/index.js';
import type { Builder } from '../builder.js';
import { type Lowering, sliceOf } from '../layout.js';
import { fill } from './arrange.js';
import { type Lowerings, plainly } from './lowering.js';
import { reduce } from './reduce.js';

type IndexingName = 'GatherV2' | 'OneHot' | 'SearchSorted' | 'DenseBincount' | 'TopK' | 'UnsortedSegmentSum';

export const indexingLowerings: Lowerings<IndexingName> = {
  GatherV2: plainly(({ b }, [x, indices], { shape, dtype }, { axis }) =>
    b.emit('Gather', [x!, indices!], {
      shape,
      type: dtype,
      attributes: { axis: axisOf(axis, b.shapeOf(x!).length) },
    }),
  ),
  OneHot: plainly(({ b }, [indices], { shape, dtype }, { depth, onValue, offValue }) => {
    // ONNX counts indices below 0 from the end, tfjs gives them no 1: a comparison has no such case.
    const classes = b.int32s(Array.from({ length: depth }, (_, i) => i));
    const column = b.reshape(b.cast(indices!, 'int32'), [...b.shapeOf(indices!), 1]);
    const hit = b.emit('Equal', [column, classes], { shape, type: 'bool' });
    if (onValue === 1 && offValue === 0) return b.cast(hit, dtype);
    const [on, off] = [onValue, offValue].map((value) => fill(b, value, [], dtype));
    return b.emit('Where', [hit, on!, off!], { shape, type: dtype });
  }),
  SearchSorted: plainly((l, [sorted, values], _type, { side }) =>
    searchSorted(l.b, sorted!, values!, side === 'right'),
  ),
  DenseBincount: (l, node) => l.set(node.outputs[0]!.id, { kind: 'plain', name: bincount(l, node) }),
  TopK: (l, node) => {
    const [values, indices] = node.outputs;
    const { b } = l;
    const attributes = { axis: values!.shape.length - 1, largest: 1, sorted: 1 };
    const inputs = [l.plain(node.inputs[0]!), b.int64s([node.attributes.k])];
    const { shape, dtype: type } = values!;
    const [top, at] = b.emitMany(
      'TopK',
      inputs,
      [
        { shape, type },
        { shape, type: 'int64' },
      ],
      attributes,
    );
    l.set(values!.id, { kind: 'plain', name: top! });
    l.set(indices!.id, { kind: 'plain', name: b.cast(at!, 'int32') });
  },
  UnsortedSegmentSum: plainly(({ b }, [x, ids], { shape, dtype }) => {
    // What belongs to no segment counts nowhere in tfjs; ONNX counts indices below 0 from the end.
    const [given, from] = [b.cast(ids!, 'int32'), b.shapeOf(ids!)];
    const bool = { shape: from, type: 'bool' } as const;
    const before = b.emit('Less', [given, b.int32s([0], [])], bool);
    const beyond = b.emit('GreaterOrEqual', [given, b.int32s([shape[0]!], [])], bool);
    const outside = b.emit('Or', [before, beyond], bool);
    const inside = b.emit('Where', [outside, b.int32s([0], []), given], { shape: from, type: 'int32' });
    const rows = b.reshape(outside, [
      ...from,
      ...b
        .shapeOf(x!)
        .slice(from.length)
        .map(() => 1),
    ]);
    const counted = b.emit('Where', [rows, fill(b, 0, [], dtype), x!], { shape: b.shapeOf(x!), type: dtype });
    const indices = b.reshape(b.cast(inside, 'int64'), [...from, 1]);
    return b.emit('ScatterND', [fill(b, 0, shape, dtype), indices, counted], {
      shape,
      type: dtype,
      attributes: { reduction: 'add' },
    });
  }),
};

/** Comparisons made at once, and up to how many sorted values they are faster than a search. */
const mostComparisons = 1 << 23;
const fewSorted = 64;

/** One row: compares each of [1,V] with each of [1,S], some of the S at a time, and counts. */
function countSmaller(b: Builder, sorted: string, values: string, right: boolean): string {
  const [size, count] = [b.shapeOf(sorted)[1]!, b.shapeOf(values)[1]!];
  const column = b.reshape(b.cast(sorted, 'float32'), [size, 1]);
  const row = b.cast(values, 'float32');
  const rows = Math.max(1, Math.floor(mostComparisons / count));
  let found: string | undefined;
  for (let from = 0; from < size; from += rows) {
    const shape = [Math.min(rows, size - from), count];
    const part = sliceOf(b, column, [from, 0], [shape[0]!, 1]);
    const smaller = b.emit(right ? 'GreaterOrEqual' : 'Greater', [row, part], { shape, type: 'bool' });
    const counts = reduce(b, 'Sum', b.cast(smaller, 'float32'), [0]);
    found = found === undefined ? counts : b.emit('Add', [found, counts], { shape: [count] });
  }
  return b.reshape(b.cast(found!, 'int32'), [1, count]);
}

/**
 * For each row of sorted [R,S] and values [R,V]: how many of the sorted are < v (or ≤ v, for `right`). A
 * binary search for all values at once: the S sorted ones are filled up with infinity to 2^k − 1, and k times
 * the half is chosen by one comparison.
 */
function searchSorted(b: Builder, sorted: string, values: string, right: boolean): string {
  const [rows, size] = b.shapeOf(sorted) as [number, number];
  const count = b.shapeOf(values)[1]!;
  if (rows === 1 && size < fewSorted) return countSmaller(b, sorted, values, right);
  const shape: Shape = [rows * count];
  const levels = Math.ceil(Math.log2(size + 1));
  const width = 2 ** levels - 1;
  const float = b.cast(sorted, 'float32');
  const pads = b.int64s([0, 0, 0, width - size]);
  const table =
    width === size ? float : b.emit('Pad', [float, pads, b.floats([Infinity], [])], { shape: [rows, width] });
  const flat = b.reshape(table, [rows * width]);
  const wanted = b.reshape(b.cast(values, 'float32'), shape);
  const rowStart = (): string => {
    const starts = b.int32s(
      Array.from({ length: rows }, (_, i) => i * width),
      [rows, 1],
    );
    const expanded = b.emit('Expand', [starts, b.int64s([rows, count])], {
      shape: [rows, count],
      type: 'int32',
    });
    return b.reshape(expanded, shape);
  };
  let found: string | undefined;
  for (let step = (width + 1) / 2; step >= 1; step /= 2) {
    // `found` sorted ones are known to be smaller; is the one `step` further smaller too?
    const offset = b.int32s([step - 1], []);
    const probe = found === undefined ? offset : b.emit('Add', [found, offset], { shape, type: 'int32' });
    const at = rows === 1 ? probe : b.emit('Add', [probe, rowStart()], { shape, type: 'int32' });
    const pivot = b.emit('Gather', [flat, at], { shape: b.shapeOf(at), attributes: { axis: 0 } });
    const smaller = b.emit(right ? 'GreaterOrEqual' : 'Greater', [wanted, pivot], { shape, type: 'bool' });
    const gain = b.cast(smaller, 'int32');
    const steps = step === 1 ? gain : b.emit('Mul', [gain, b.int32s([step], [])], { shape, type: 'int32' });
    found = found === undefined ? steps : b.emit('Add', [found, steps], { shape, type: 'int32' });
  }
  // Infinite values are not smaller than the filling.
  const bounded =
    width === size ? found! : b.emit('Min', [found!, b.int32s([size], [])], { shape, type: 'int32' });
  return b.reshape(bounded, [rows, count]);
}

/** The sum of the weights (or the number, without weights) of each index below `size`; others are ignored. */
function bincount(l: Lowering, node: KernelCall<'DenseBincount'>): string {
  const { b } = l;
  const [x, weights] = node.inputs;
  const { dtype, shape } = node.outputs[0]!;
  const size = shape[0]!;
  const indices = b.cast(l.plain(x!), 'int32');
  const count = b.shapeOf(indices);
  // For a list, tfjs itself takes no notice of `binaryOutput`.
  const weighted = sizeOf(l.typeOf(weights!).shape) > 0;
  const updates = weighted ? l.plain(weights!) : fill(b, 1, count, dtype);
  // Indices from `size` on are counted in one place more, which is cut off.
  const capped = b.emit('Min', [indices, b.int32s([size], [])], { shape: count, type: 'int32' });
  const zeros = fill(b, 0, [size + 1], dtype);
  const sums = b.emit('ScatterElements', [zeros, capped, updates], {
    shape: [size + 1],
    type: dtype,
    attributes: { axis: 0, reduction: 'add' },
  });
  return b.emit('Slice', [sums, b.int64s([0]), b.int64s([size])], { shape: [size], type: dtype });
}
