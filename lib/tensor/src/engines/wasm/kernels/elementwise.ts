/**
 * Elementwise kernels of two float32 tensors. Equal shapes and scalars of the four arithmetic operations stay
 * with XNNPACK, which is as fast as memory; everything else goes through `broadcast`.
 */
import { tf } from '../../tf.js';
import { broadcast, type BroadcastOperation } from '../broadcast.js';
import type { Kernel, TensorInfo } from '../simd.js';

const arithmetic: readonly string[] = [tf.Add, tf.Sub, tf.Multiply, tf.RealDiv];

/** The maker of the kernel `operation`. */
export const elementwise =
  (operation: BroadcastOperation) =>
  (original: Kernel): Kernel =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return original(call);
    if (arithmetic.includes(operation) && xnnpackIsFast(a.shape, b.shape)) return original(call);
    return broadcast(operation, call.backend, a, b);
  };

function xnnpackIsFast(a: readonly number[], b: readonly number[]): boolean {
  const [sizeA, sizeB] = [tf.util.sizeFromShape([...a]), tf.util.sizeFromShape([...b])];
  return sizeA === 1 || sizeB === 1 || tf.util.arraysEqual([...a], [...b]);
}
