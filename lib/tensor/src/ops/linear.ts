/** Matrix products. */
import { broadcastShape, kernel, type Kernels } from './kernel.js';

export const linearKernels = {
  BatchMatMul: kernel(['a', 'b'], ([a, b], { transposeA, transposeB }) => {
    const [rows, columns] = [transposeA ? -1 : -2, transposeB ? -2 : -1];
    const batch = broadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return { dtype: 'float32', shape: [...batch, a!.shape.at(rows)!, b!.shape.at(columns)!] };
  }),
} satisfies Partial<Kernels>;
