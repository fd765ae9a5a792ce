/** The shapes of a convolution, as every engine that lowers one takes them. */
import type { Shape } from './types.js';

/** A convolution of [N,H,W,C] tensors. Spatial pairs are [height, width]. */
export interface Geometry {
  /** [N, H, W, in] */
  readonly input: Shape;
  /** [N, H, W, out] */
  readonly output: Shape;
  /** [H, W, in, out] */
  readonly kernel: Shape;
  /** Steps between the positions of the kernel. */
  readonly strides: readonly [number, number];
  /** Steps between its taps. */
  readonly dilations: readonly [number, number];
  /** Zeros before and after the rows and the columns: [top, left, bottom, right]. */
  readonly pads: readonly [number, number, number, number];
}
