/** Matrix products. */
import { check } from 'oabn-base';
import { broadcastShape, kernel, type Kernels } from './kernel.js';

export const linearKernels = {
  BatchMatMul: kernel(['a', 'b'], ([a, b], { transposeA, transposeB }) => {
    check(
      a!.dtype === 'float32' && b!.dtype === 'float32',
      () => `A compiled step multiplies matrices of float32 only, got ${a!.dtype} and ${b!.dtype}; cast them`,
    );
    const [rows, columns] = [transposeA ? -1 : -2, transposeB ? -2 : -1];
    const batch = broadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return { dtype: 'float32', shape: [...batch, a!.shape.at(rows)!, b!.shape.at(columns)!] };
  }),
} satisfies Partial<Kernels>;
