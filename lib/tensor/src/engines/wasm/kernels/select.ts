/**
 * Select (`tf.where`) and the logical kernels, which the gradients of clipping and maxima use for every
 * element.
 */
import { tf } from '../../tf.js';
import { advance, defineFunction, type Expression, i32, repeat, v128 } from '../assembler.js';
import { addressOf, allocate, type Kernel, simdModule, type TensorInfo } from '../simd.js';

export const select =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { condition, t, e } = call.inputs as { condition: TensorInfo; t: TensorInfo; e: TensorInfo };
    const words = t.dtype === e.dtype && (t.dtype === 'float32' || t.dtype === 'int32');
    if (!words || !tf.util.arraysEqual(condition.shape, t.shape)) return original(call);
    const out = allocate(backend, t.shape, t.dtype);
    const count = tf.util.sizeFromShape(t.shape);
    const [c, a, b, to] = [condition, t, e, out].map((tensor) => addressOf(backend, tensor));
    functions(backend).select!(c!, a!, b!, to!, count >> 2, count & 3);
    return out;
  };

/** The maker of LogicalAnd for equal shapes. */
export const logicalAnd =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    if (!tf.util.arraysEqual(a.shape, b.shape)) return original(call);
    const out = allocate(backend, a.shape, 'bool');
    const count = tf.util.sizeFromShape(a.shape);
    const [x, y, to] = [a, b, out].map((tensor) => addressOf(backend, tensor));
    functions(backend).and!(x!, y!, to!, count >> 4, count & 15);
    return out;
  };

/** Four bytes 0 or 1 in the first lane as four 32-bit masks. */
function maskOfBytes(bytes: Expression): Expression {
  const words = v128.unary('i32x4.extend_low_i16x8_u', v128.unary('i16x8.extend_low_i8x16_u', bytes));
  return v128.binary('i32x4.ne', words, v128.zero);
}

const functions = simdModule(() => [
  defineFunction('select', ['condition', 'a', 'b', 'out', 'vectors', 'rest'], (p, local) => {
    const count = local('i32');
    const [condition, a, b, out] = [p.condition!, p.a!, p.b!, p.out!];
    const pointers = [a, b, out];
    return [
      repeat(count, p.vectors!, [
        v128.store(out, v128.select(maskOfBytes(v128.loadFirst(condition)), v128.load(a), v128.load(b))),
        advance(condition, 4),
        ...pointers.map((pointer) => advance(pointer, 16)),
      ]),
      repeat(count, p.rest!, [
        i32.store(out, i32.select(i32.load8(condition), i32.load(a), i32.load(b))),
        advance(condition, 1),
        ...pointers.map((pointer) => advance(pointer, 4)),
      ]),
    ];
  }),
  defineFunction('and', ['a', 'b', 'out', 'vectors', 'rest'], (p, local) => {
    const count = local('i32');
    const pointers = [p.a!, p.b!, p.out!] as const;
    const [a, b, out] = pointers;
    return [
      repeat(count, p.vectors!, [
        v128.store(out, v128.binary('v128.and', v128.load(a), v128.load(b))),
        ...pointers.map((pointer) => advance(pointer, 16)),
      ]),
      repeat(count, p.rest!, [
        i32.store8(out, i32.and(i32.load8(a), i32.load8(b))),
        ...pointers.map((pointer) => advance(pointer, 1)),
      ]),
    ];
  }),
]);
