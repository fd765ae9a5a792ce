/**
 * Conv2D with its padding in numbers: XNNPACK's own rule for 'same' goes wrong (results of zero) when the
 * filter is narrower than the stride along one axis.
 */
import { tf } from '../../tf.js';
import type { Kernel } from '../simd.js';

type Shape4 = [number, number, number, number];

export const conv2D =
  (original: Kernel): Kernel =>
  (call) => {
    const { pad, strides, dilations } = call.attrs as unknown as tf.Conv2DAttrs;
    if (pad !== 'same') return original(call);
    const [x, filter] = [call.inputs.x!.shape as Shape4, call.inputs.filter!.shape as Shape4];
    const { padInfo } = tf.backend_util.computeConv2DInfo(x, filter, strides, dilations, pad);
    const { top, bottom, left, right } = padInfo;
    const explicit: tf.backend_util.ExplicitPadding = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    return original({ ...call, attrs: { ...call.attrs, pad: explicit } });
  };
