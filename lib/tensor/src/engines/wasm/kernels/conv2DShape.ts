/**
 * The geometry of a 2-D convolution, as its gradient kernels need it. NHWC only, like all of
 * tfjs-backend-wasm.
 */
import { tf } from '../../tf.js';

export interface ConvAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

export interface ConvShape {
  readonly batchSize: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

type Shape4 = [number, number, number, number];

/** The shape of `kernelName`'s convolution of x `[N,H,W,C]` with a filter `[kh,kw,C,K]`. @throws for NCHW */
export function convShape(
  kernelName: string,
  inputShape: Shape4,
  filterShape: Shape4,
  { strides, pad, dataFormat, dimRoundingMode }: ConvAttributes,
): ConvShape {
  if (dataFormat === 'NCHW') {
    throw new Error(
      `${kernelName} on wasm reads NHWC tensors only, got dataFormat NCHW; transpose the input`,
    );
  }
  const info = tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
  return { ...info, padTop: info.padInfo.top, padLeft: info.padInfo.left };
}

/**
 * Along one axis, the outputs `o` whose input `o·stride + offset` lies in [0, inputs): the first one, how
 * many, and the input of the first.
 */
export function validOutputs(offset: number, stride: number, inputs: number, outputs: number) {
  const start = Math.max(0, Math.ceil(-offset / stride));
  const end = Math.min(outputs, Math.floor((inputs - 1 - offset) / stride) + 1);
  return { start, count: Math.max(0, end - start), firstInput: start * stride + offset };
}
