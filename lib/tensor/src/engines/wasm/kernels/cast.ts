/**
 * Cast between float32 and int32 by SIMD, and to bool by comparing with zero, as the other backends do:
 * tfjs-backend- wasm keeps the low byte of the truncated number, so that 0.5 and 256 become false. The same
 * type is no copy.
 */
import { tf } from '../../tf.js';
import { advance, defineFunction, repeat, type UnaryOpcode, v128 } from '../assembler.js';
import { addressOf, allocate, type Kernel, reshaped, simdModule, type TensorInfo } from '../simd.js';

export const cast =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { x } = call.inputs as { x: TensorInfo };
    const { dtype } = call.attrs as { dtype: tf.DataType };
    const [convert, toBool] = [conversions[`${x.dtype}→${dtype}`], dtype === 'bool' && x.dtype !== 'bool'];
    if (x.dtype === dtype) return reshaped(backend, x, x.shape);
    if (!convert && !toBool) return original(call);
    const out = allocate(backend, x.shape, dtype);
    if (convert) {
      const count = tf.util.sizeFromShape(x.shape);
      functions(backend)[convert]!(addressOf(backend, x), addressOf(backend, out), count >> 2, count & 3);
    } else {
      const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
      for (let i = 0; i < from.length; i++) to[i] = from[i] === 0 ? 0 : 1;
    }
    return out;
  };

const conversions: Record<string, UnaryOpcode> = {
  'float32→int32': 'i32x4.trunc_sat_f32x4_s',
  'int32→float32': 'f32x4.convert_i32x4_s',
};

const functions = simdModule(() =>
  Object.values(conversions).map((opcode) =>
    defineFunction(opcode, ['from', 'to', 'vectors', 'rest'], (p, local) => {
      const count = local('i32');
      const [from, to] = [p.from!, p.to!];
      return [
        repeat(count, p.vectors!, [
          v128.store(to, v128.unary(opcode, v128.load(from))),
          advance(from, 16),
          advance(to, 16),
        ]),
        repeat(count, p.rest!, [
          v128.storeFirst(to, v128.unary(opcode, v128.loadFirst(from))),
          advance(from, 4),
          advance(to, 4),
        ]),
      ];
    }),
  ),
);
