/**
 * Sums and extremes along axes. tfjs-backend-wasm transposes the tensor until the reduced axes are last and
 * then adds one number after the other, which is slow and rounds badly: batch statistics are sums of 100,000
 * numbers. Here a tensor is a few nested dimensions, kept or reduced in turn; columns are reduced in place,
 * sixteen at a time, in blocks of 256 rows whose results are added.
 */
import {
  advance,
  type BinaryOpcode,
  defineFunction,
  type FunctionSource,
  i32,
  repeat,
  v128,
} from './assembler.js';
import {
  addressOf,
  allocate,
  type BackendWasm,
  floats,
  release,
  simdModule,
  type TensorInfo,
} from './simd.js';

const reductions = {
  sum: { opcode: 'f32x4.add', start: 0, join: (a: number, b: number) => a + b },
  max: { opcode: 'f32x4.max', start: -Infinity, join: Math.max },
  min: { opcode: 'f32x4.min', start: Infinity, join: Math.min },
} as const satisfies Record<string, { opcode: BinaryOpcode; start: number; join: unknown }>;
export type Reduction = keyof typeof reductions;

const blockRows = 256;
const lanes = 16;

interface Dimension {
  readonly size: number;
  readonly reduced: boolean;
}

/** The dimensions of `shape`, neighbours of one kind joined and those of size 1 dropped. */
function alternating(shape: readonly number[], axes: readonly number[]): Dimension[] {
  const dimensions: Dimension[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const reduced = axes.includes(axis);
    const outer = dimensions.at(-1);
    if (outer?.reduced === reduced) dimensions[dimensions.length - 1] = { reduced, size: outer.size * size };
    else dimensions.push({ reduced, size });
  });
  return dimensions;
}

/**
 * The reduction of a float32 tensor over `axes` (all ≥ 0), of shape `outShape`; `undefined` for the patterns
 * that are left to tfjs: reduced dimensions that are not neighbours, and many short rows.
 */
export function reduce(
  kind: Reduction,
  backend: BackendWasm,
  x: TensorInfo,
  axes: readonly number[],
  outShape: readonly number[],
): TensorInfo | undefined {
  if (x.shape.includes(0)) return undefined;
  const dimensions = alternating(x.shape, axes);
  const pattern = dimensions.map(({ reduced }) => (reduced ? 'R' : 'K')).join('');
  const sizes = dimensions.map(({ size }) => size);
  const source = addressOf(backend, x);
  switch (pattern) {
    case 'R':
      return rows(kind, backend, source, 1, sizes[0]!, outShape);
    case 'KR':
      return sizes[1]! < 4 * lanes ? undefined : rows(kind, backend, source, sizes[0]!, sizes[1]!, outShape);
    case 'RK':
      return columns(kind, backend, source, [1, sizes[0]!, sizes[1]!], outShape);
    case 'KRK':
      return columns(kind, backend, source, [sizes[0]!, sizes[1]!, sizes[2]!], outShape);
    default:
      return undefined;
  }
}

/** `[outer, inner, columns]` reduced over `inner`. */
function columns(
  kind: Reduction,
  backend: BackendWasm,
  source: number,
  [outer, inner, width]: [number, number, number],
  outShape: readonly number[],
): TensorInfo {
  const out = allocate(backend, outShape, 'float32');
  floats(backend, out).fill(reductions[kind].start);
  const target = addressOf(backend, out);
  for (let i = 0; i < outer; i++) {
    reduceColumns(kind, backend, source + 4 * i * inner * width, target + 4 * i * width, inner, width);
  }
  return out;
}

/** `[outer, inner]` reduced over `inner`: each row is taken as a matrix of sixteen columns. */
function rows(
  kind: Reduction,
  backend: BackendWasm,
  source: number,
  outer: number,
  inner: number,
  outShape: readonly number[],
): TensorInfo {
  const { start, join } = reductions[kind];
  const out = allocate(backend, outShape, 'float32');
  const partial = allocate(backend, [lanes], 'float32');
  const [partials, results] = [floats(backend, partial), floats(backend, out)];
  const whole = Math.floor(inner / lanes);
  const elements = new Float32Array(partials.buffer, source, outer * inner);
  for (let i = 0; i < outer; i++) {
    partials.fill(start);
    if (whole > 0) {
      reduceColumns(kind, backend, source + 4 * i * inner, addressOf(backend, partial), whole, lanes);
    }
    let result: number = start;
    for (const value of partials) result = join(result, value);
    for (let j = whole * lanes; j < inner; j++) result = join(result, elements[i * inner + j]!);
    results[i] = result;
  }
  release(backend, partial);
  return out;
}

/** Joins `height` rows of `width` numbers into the row at `target`. */
function reduceColumns(
  kind: Reduction,
  backend: BackendWasm,
  source: number,
  target: number,
  height: number,
  width: number,
): void {
  const simd = strips(backend);
  for (let row = 0; row < height; row += blockRows) {
    const from = source + 4 * row * width;
    const count = Math.min(blockRows, height - row);
    for (let column = 0; column < width;) {
      const strip = stripWidths.find((size) => size <= width - column)!;
      simd[`${kind}${strip}`]!(from + 4 * column, target + 4 * column, count, 4 * width);
      column += strip;
    }
  }
}

const stripWidths = [16, 4, 1] as const;
const strips = simdModule(() =>
  (Object.keys(reductions) as Reduction[]).flatMap((kind) => stripWidths.map((width) => strip(kind, width))),
);

/** `target[0…width) = target ∘ rows`, for `rows` > 0 rows that are `rowBytes` apart. */
function strip(kind: Reduction, width: number): FunctionSource {
  const { opcode } = reductions[kind];
  const load = width === 1 ? v128.loadFirst : v128.load;
  const store = width === 1 ? v128.storeFirst : v128.store;
  return defineFunction(`${kind}${width}`, ['from', 'target', 'rows', 'rowBytes'], (p, local) => {
    const row = local('i32');
    const sums = Array.from({ length: Math.ceil(width / 4) }, (_, j) => ({
      sum: local('v128'),
      offset: 16 * j,
    }));
    const [from, target] = [p.from!, p.target!];
    // The block's own total is computed first: adding each row to a large running total would lose its low
    // bits.
    return [
      ...sums.map(({ sum, offset }) => sum.set(load(from, offset))),
      repeat(row, i32.subtract(p.rows!, i32.constant(1)), [
        advance(from, p.rowBytes!),
        ...sums.map(({ sum, offset }) => sum.set(v128.binary(opcode, sum, load(from, offset)))),
      ]),
      ...sums.map(({ sum, offset }) => store(target, v128.binary(opcode, load(target, offset), sum), offset)),
    ];
  });
}
