/**
 * ClipByValue of int32 tensors: tfjs-backend-wasm clips their bits as if they were float32, which changes
 * nothing.
 */
import { allocate, integers, type Kernel, type TensorInfo } from '../simd.js';

export const clipByValue =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { x } = call.inputs as { x: TensorInfo };
    if (x.dtype !== 'int32') return original(call);
    const { clipValueMin, clipValueMax } = call.attrs as { clipValueMin: number; clipValueMax: number };
    const out = allocate(backend, x.shape, 'int32');
    const [from, to] = [integers(backend, x), integers(backend, out)];
    for (let i = 0; i < from.length; i++) to[i] = Math.min(Math.max(from[i]!, clipValueMin), clipValueMax);
    return out;
  };
