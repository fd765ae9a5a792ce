/** Conv2D and its two gradients, in NHWC. */
import { check } from 'oabn-base';
import { tf } from '../engines/index.js';
import type { Convolution } from './attributes.js';
import type { Geometry } from './geometry.js';
import { kernel, type Kernels } from './kernel.js';
import type { Shape } from './types.js';

type Size4 = [number, number, number, number];

export const convolutionKernels = {
  Conv2D: kernel(['x', 'filter'], ([x, filter], attributes) => {
    checkFormat(attributes);
    check(
      x!.shape[3] === filter!.shape[2],
      () =>
        `Conv2D: the input has ${x!.shape[3]} channels, the kernel [${filter!.shape}] takes ${filter!.shape[2]}`,
    );
    return { dtype: 'float32', shape: geometryOf(x!.shape, filter!.shape, attributes).output };
  }),
  Conv2DBackpropInput: kernel(['dy', 'filter'], (_, attributes) => {
    checkFormat(attributes);
    return { dtype: 'float32', shape: attributes.inputShape };
  }),
  Conv2DBackpropFilter: kernel(['x', 'dy'], (_, attributes) => {
    checkFormat(attributes);
    return { dtype: 'float32', shape: attributes.filterShape };
  }),
} satisfies Partial<Kernels>;

function checkFormat({ dataFormat }: Convolution): void {
  check(
    dataFormat === undefined || dataFormat === 'NHWC',
    () => `A compiled step convolves activations [N,H,W,C] (dataFormat NHWC) only, got ${String(dataFormat)}`,
  );
}

/**
 * All shapes of the convolution of `input` [N,H,W,C] with `filter` [H,W,in,out].
 * @throws UserError for a kernel larger than the image with its padding.
 */
export function geometryOf(input: Shape, filter: Shape, attributes: Convolution): Geometry {
  const { pad, dimRoundingMode } = attributes;
  const info = tf.backend_util.computeConv2DInfo(
    [...input] as Size4,
    [...filter] as Size4,
    attributes.strides,
    attributes.dilations ?? 1,
    pad,
    dimRoundingMode,
  );
  const { top, left } = info.padInfo;
  const strides = [info.strideHeight, info.strideWidth] as const;
  const dilations = [info.dilationHeight, info.dilationWidth] as const;
  const [, height, width] = info.outShape;
  const what = `Conv2D: a kernel [${filter.slice(0, 2)}] on images [${input.slice(1, 3)}] with pad ${JSON.stringify(pad)}`;
  check(height > 0 || input[1] === 0, () => `${what} is higher than the image`);
  check(width > 0 || input[2] === 0, () => `${what} is wider than the image`);
  const extent = (out: number, axis: 0 | 1): number =>
    strides[axis] * (out - 1) + dilations[axis] * (filter[axis]! - 1) + 1;
  const missing = [extent(height, 0) - top - input[1]!, extent(width, 1) - left - input[2]!] as const;
  // For a number as `pad`, tfjs computes both sides of the result by the kernel's height and the first stride.
  check(
    missing.every((after, axis) => -after < strides[axis]! || input[axis + 1] === 0),
    () =>
      `${what} and strides [${strides}]: tfjs leaves a part of the image out, because a number as pad is for ` +
      'square kernels and equal strides; write it as [[0, 0], [top, bottom], [left, right], [0, 0]]',
  );
  const [bottom, right] = missing.map((after) => Math.max(0, after)) as [number, number];
  return {
    input,
    kernel: filter,
    output: info.outShape,
    strides,
    dilations,
    pads: [top, left, bottom, right],
  };
}
