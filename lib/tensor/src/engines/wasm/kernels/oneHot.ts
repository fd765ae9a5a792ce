/**
 * OneHot of every type. tfjs-backend-wasm writes 32-bit integers whatever the type is: float32 results are
 * bit patterns near zero, so that a cross entropy of them is 0, and bool results run over the end of their
 * memory.
 */
import { allocate, type DataType, integers, type Kernel, type TensorInfo } from '../simd.js';

export const oneHot: Kernel = ({ inputs, attrs, backend }) => {
  const { indices } = inputs as { indices: TensorInfo };
  const { dtype, depth, onValue, offValue } = attrs as unknown as OneHotAttributes;
  const out = allocate(backend, [...indices.shape, depth], dtype);
  const values = backend.typedArrayFromHeap(out).fill(offValue);
  integers(backend, indices).forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return out;
};

interface OneHotAttributes {
  readonly dtype: DataType;
  readonly depth: number;
  readonly onValue: number;
  readonly offValue: number;
}
