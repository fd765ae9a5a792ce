/** The kernels of convolutions as the engine wants them. */
import type { Builder } from './builder.js';
import { type ConvOptions, paddedChannels, padTo, sliceTo } from './layout.js';
import { transposeRows } from './transposeRows.js';

/**
 * [H,W,in,out] → the engine's blocks, declared [out, in, H, W] with both padded; `wholeInput` for few
 * channels in plain order.
 */
export function blockedKernel(b: Builder, kernel: string, block: number, wholeInput = false): string {
  const [h, w, cin, cout] = b.shapeOf(kernel) as [number, number, number, number];
  const out = paddedChannels(cout, block);
  if (wholeInput) {
    const split = b.reshape(padTo(b, kernel, [h, w, cin, out]), [h, w, cin, out / block, block]);
    return b.reshape(transposeRows(b, split, [3, 2, 0, 1, 4]), [out, cin, h, w]);
  }
  const inner = paddedChannels(cin, block);
  const padded = padTo(b, kernel, [h, w, inner, out]);
  const split = b.reshape(padded, [h, w, inner / block, block, out / block, block]);
  return b.reshape(transposeRows(b, split, [4, 2, 0, 1, 3, 5]), [out, inner, h, w]);
}

/** The kernel with each output channel scaled; the scale is padded, the kernel is not. */
export function scaledKernel(b: Builder, kernel: string, scale: ConvOptions['scale']): string {
  if (scale === undefined || scale === 1) return kernel;
  const shape = b.shapeOf(kernel);
  const factor = typeof scale === 'number' ? b.floats([scale], []) : sliceTo(b, scale, [shape[3]!]);
  return b.emit('Mul', [kernel, factor], { shape });
}
