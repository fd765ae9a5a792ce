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

/** All shapes of the convolution of `input` [N,H,W,C] with `filter` [H,W,in,out]. */
export function geometryOf(input: Shape, filter: Shape, attributes: Convolution): Geometry {
  const { strides, pad, dilations, dimRoundingMode } = attributes;
  const info = tf.backend_util.computeConv2DInfo(
    [...input] as Size4,
    [...filter] as Size4,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
  );
  const { top, left, bottom, right } = info.padInfo;
  return {
    input,
    kernel: filter,
    output: info.outShape,
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
  };
}
