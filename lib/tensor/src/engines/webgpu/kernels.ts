/** Corrections to kernels of tfjs-backend-webgpu. */
import { tf } from '../tf.js';

/** Registers them for 'webgpu'. */
export function completeWebgpuKernels(): void {
  replaceDenseBincount();
}

/**
 * DenseBincount reads weights by the coordinates of x, so that weights `[n]` for x `[1, n]`, which is what
 * `searchSorted` returns for n values, make a shader that does not compile.
 */
function replaceDenseBincount(): void {
  const { kernelFunc, ...rest } = tf.getKernel(tf.DenseBincount, 'webgpu');
  tf.unregisterKernel(tf.DenseBincount, 'webgpu');
  tf.registerKernel({
    ...rest,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, weights } = inputs as { x: tf.TensorInfo; weights: tf.TensorInfo };
      const weighted = tf.util.sizeFromShape(weights.shape) > 0;
      const alike = weighted ? { ...weights, shape: x.shape } : weights;
      return kernelFunc({ inputs: { x, weights: alike }, attrs, backend });
    },
  });
}
