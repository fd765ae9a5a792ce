/**
 * The kernels that training spends its time in, in WGSL of our own: convolution, its two gradients and the
 * matrix product, each a pure function from shapes, buffer names and the device's features to a `GpuProgram`.
 *
 * All four are one thing, a product [m,k]·[k,n] whose operands are read where they are, without an im2col in
 * memory (an implicit GEMM, as in cuDNN, arXiv 1410.0759 section 3):
 *
 *     forward          y[pixel, out]  = Σ x[pixel + tap, in] · kernel[(tap, in), out]
 *     input gradient   dx[pixel, in]  = Σ dy[pixel − tap, out] · kernel[(tap, out), in]
 *     filter gradient  dw[(tap, in), out] = Σ x[pixel + tap, in] · dy[pixel, out]
 *
 * `product.ts` says what such a product is, `productProgram.ts` how it is dispatched,
 * `operands.ts` how its operands are read; `fma.ts` and
 * `subgroups.ts` are the two kernels that compute one, `tile.ts` chooses how it is cut up.
 */
export type { Geometry } from '../../ops/index.js';
export { convFilterGradient, type FilterGradientBuffers } from './filterGradient.js';
export { convForward, type ForwardBuffers, type ForwardOptions } from './forward.js';
export { convInputGradient, type InputGradientBuffers } from './inputGradient.js';
export { matMul, type MatMulBuffers, type MatMulShape } from './matMul.js';
export type { ConvOptions } from './productProgram.js';
export type { Tile } from './tile.js';
