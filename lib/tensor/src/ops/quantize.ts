/**
 * Two kernels that tfjs does not have and the optimizer finds (see trace/rules/quantizers.ts), both of a
 * tensor x, a scale s and a whole zero point z, and the whole numbers `min` and `max`:
 *
 * - `QuantizedLevels`: clip(round(x/s) + z, min, max) − z, the level of each value;
 * - `InsideRange`: 1 where nothing is clipped there, else 0 (with `positive`, 1 only where x > 0 as well).
 */
import { kernel, type Kernels } from './kernel.js';

const inputs = ['x', 'scale', 'zero'];

export const quantizeKernels = {
  QuantizedLevels: kernel(inputs, ([x]) => x!),
  InsideRange: kernel(inputs, ([x]) => x!),
} satisfies Partial<Kernels>;
