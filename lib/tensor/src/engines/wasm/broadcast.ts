/**
 * Elementwise functions of two tensors that broadcast. tfjs-backend-wasm computes the coordinates of every
 * element (about 100 ns each for comparisons and minima) or calls XNNPACK once per row of C channels. Here
 * two shapes are reduced to the few dimensions in which they differ, and rows run through SIMD:
 * `[N,H,W,C]` with `[C]` is one call.
 */
import {
  advance,
  type BinaryOpcode,
  defineFunction,
  type Expression,
  type FunctionSource,
  i32,
  type Local,
  repeat,
  v128,
} from './assembler.js';
import { addressOf, allocate, type BackendWasm, simdModule, type TensorInfo } from './simd.js';
import { tf } from '../tf.js';

/** What can be computed: `float` results are float32, `mask` results bool. */
const operations = {
  Add: { opcode: 'f32x4.add', result: 'float' },
  Sub: { opcode: 'f32x4.sub', result: 'float' },
  Multiply: { opcode: 'f32x4.mul', result: 'float' },
  RealDiv: { opcode: 'f32x4.div', result: 'float' },
  Maximum: { opcode: 'f32x4.max', result: 'float' },
  Minimum: { opcode: 'f32x4.min', result: 'float' },
  Equal: { opcode: 'f32x4.eq', result: 'mask' },
  NotEqual: { opcode: 'f32x4.ne', result: 'mask' },
  Greater: { opcode: 'f32x4.gt', result: 'mask' },
  GreaterEqual: { opcode: 'f32x4.ge', result: 'mask' },
  Less: { opcode: 'f32x4.lt', result: 'mask' },
  LessEqual: { opcode: 'f32x4.le', result: 'mask' },
} as const satisfies Record<string, { opcode: BinaryOpcode; result: 'float' | 'mask' }>;
export type BroadcastOperation = keyof typeof operations;
export const broadcastOperations = Object.keys(operations) as BroadcastOperation[];

/** A dimension of the result, and whether each operand runs along it (else it repeats). */
export interface BroadcastDimension {
  readonly size: number;
  readonly a: boolean;
  readonly b: boolean;
}

/** The dimensions of a broadcast of two shapes, neighbours of one kind joined and those of size 1 dropped. */
export function broadcastDimensions(a: readonly number[], b: readonly number[]): BroadcastDimension[] {
  const rank = Math.max(a.length, b.length);
  const dimensions: BroadcastDimension[] = [];
  for (let i = 0; i < rank; i++) {
    const [sizeA, sizeB] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    const size = sizeA === 1 ? sizeB : sizeA;
    if (size === 1) continue;
    const dimension = { size, a: sizeA !== 1, b: sizeB !== 1 };
    const outer = dimensions.at(-1);
    if (outer && outer.a === dimension.a && outer.b === dimension.b) {
      dimensions[dimensions.length - 1] = { ...outer, size: outer.size * size };
    } else {
      dimensions.push(dimension);
    }
  }
  return dimensions;
}

/** `operation(a, b)` of float32 tensors that broadcast. */
export function broadcast(
  operation: BroadcastOperation,
  backend: BackendWasm,
  a: TensorInfo,
  b: TensorInfo,
): TensorInfo {
  const { result } = operations[operation];
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const out = allocate(backend, shape, result === 'float' ? 'float32' : 'bool');
  if (tf.util.sizeFromShape(shape) === 0) return out;
  const dimensions = broadcastDimensions(a.shape, b.shape);
  const inner = dimensions.pop() ?? { size: 1, a: true, b: true };
  const simd = loops(backend)[nameOf(operation, inner.a, inner.b)]!;
  const outBytes = result === 'float' ? 4 : 1;
  let [strideA, strideB, strideOut] = [inner.a ? inner.size : 1, inner.b ? inner.size : 1, inner.size];
  const outer = dimensions.map(() => ({ size: 1, a: 0, b: 0, out: 0 }));
  for (let i = dimensions.length - 1; i >= 0; i--) {
    const dimension = dimensions[i]!;
    const { size } = dimension;
    outer[i] = {
      size,
      a: dimension.a ? 4 * strideA : 0,
      b: dimension.b ? 4 * strideB : 0,
      out: outBytes * strideOut,
    };
    if (dimension.a) strideA *= size;
    if (dimension.b) strideB *= size;
    strideOut *= size;
  }
  const rows = outer.pop() ?? { size: 1, a: 0, b: 0, out: 0 };
  const visit = (depth: number, atA: number, atB: number, atOut: number): void => {
    const dimension = outer[depth];
    if (!dimension) {
      simd(atA, atB, atOut, rows.size, inner.size >> 2, inner.size & 3, rows.a, rows.b);
      return;
    }
    for (let i = 0; i < dimension.size; i++) {
      visit(depth + 1, atA + i * dimension.a, atB + i * dimension.b, atOut + i * dimension.out);
    }
  };
  visit(0, addressOf(backend, a), addressOf(backend, b), addressOf(backend, out));
  return out;
}

const nameOf = (operation: string, a: boolean, b: boolean): string =>
  `${operation}${a ? 'V' : 'S'}${b ? 'V' : 'S'}`;

const loops = simdModule(() =>
  broadcastOperations.flatMap((operation) => [
    loop(operation, true, true),
    loop(operation, true, false),
    loop(operation, false, true),
  ]),
);

/** Rows of 4·vectors + rest elements; an operand that does not run along them is one number per row. */
function loop(operation: BroadcastOperation, runsA: boolean, runsB: boolean): FunctionSource {
  const { opcode, result } = operations[operation];
  const parameters = ['a', 'b', 'out', 'rows', 'vectors', 'rest', 'aRow', 'bRow'];
  return defineFunction(nameOf(operation, runsA, runsB), parameters, (p, local) => {
    const [row, column, a, b] = [local('i32'), local('i32'), local('i32'), local('i32')];
    const [valueA, valueB] = [local('v128'), local('v128')];
    const out = p.out!;
    const operand = (runs: boolean, pointer: Local, value: Local, load: typeof v128.load): Expression =>
      runs ? load(pointer) : value;
    const compute = (load: typeof v128.load): Expression =>
      v128.binary(opcode, operand(runsA, a, valueA, load), operand(runsB, b, valueB, load));
    const step = (elements: number): number[][] => [
      ...(runsA ? [[...advance(a, 4 * elements)]] : []),
      ...(runsB ? [[...advance(b, 4 * elements)]] : []),
      [...advance(out, (result === 'float' ? 4 : 1) * elements)],
    ];
    const [four, one] =
      result === 'float'
        ? [v128.store(out, compute(v128.load)), v128.storeFirst(out, compute(v128.loadFirst))]
        : [
            v128.storeFirst(out, bytesOfMask(compute(v128.load))),
            i32.store8(out, v128.first(bytesOfMask(compute(v128.loadFirst)))),
          ];
    return [
      repeat(row, p.rows!, [
        a.set(p.a!),
        b.set(p.b!),
        ...(runsA ? [] : [valueA.set(v128.loadSplat(a))]),
        ...(runsB ? [] : [valueB.set(v128.loadSplat(b))]),
        repeat(column, p.vectors!, [four, ...step(4)]),
        repeat(column, p.rest!, [one, ...step(1)]),
        advance(p.a!, p.aRow!),
        advance(p.b!, p.bRow!),
      ]),
    ];
  });
}

/** Four 32-bit masks as four bytes 0 or 1 in the first lane. */
function bytesOfMask(mask: Expression): Expression {
  const ones = v128.binary('v128.and', mask, v128.integers(1));
  const shorts = v128.binary('i16x8.narrow_i32x4_s', ones, ones);
  return v128.binary('i8x16.narrow_i16x8_s', shorts, shorts);
}
