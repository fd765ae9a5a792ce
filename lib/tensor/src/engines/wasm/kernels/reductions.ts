/** Sum, Mean, Max and Min of float32 tensors through `reduce`; other types and patterns stay with tfjs. */
import { tf } from '../../tf.js';
import { reduce, type Reduction } from '../reduce.js';
import { floats, type Kernel, type KernelCall, type TensorInfo } from '../simd.js';

/** The maker of the kernel that reduces by `kind`. */
export const reduction =
  (kind: Reduction) =>
  (original: Kernel): Kernel =>
  (call) =>
    reduced(kind, call) ?? original(call);

/** The maker of Mean: a sum, divided. */
export const mean =
  (original: Kernel): Kernel =>
  (call) => {
    const out = reduced('sum', call);
    if (!out) return original(call);
    const { x } = call.inputs as { x: TensorInfo };
    const results = floats(call.backend, out);
    const count = tf.util.sizeFromShape(x.shape) / results.length;
    for (let i = 0; i < results.length; i++) results[i] = results[i]! / count;
    return out;
  };

function reduced(kind: Reduction, { inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs as { x: TensorInfo };
  if (x.dtype !== 'float32') return undefined;
  // Max names its axes differently from the other three.
  const { axis, reductionIndices, keepDims } = attrs as unknown as Attributes;
  const axes = tf.util.parseAxisParam(axis ?? reductionIndices!, x.shape);
  const [outShape] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
  const shape = keepDims ? tf.backend_util.expandShapeToKeepDim(outShape, axes) : outShape;
  return reduce(kind, backend, x, axes, shape);
}

interface Attributes {
  readonly axis?: number | number[];
  readonly reductionIndices?: number | number[];
  readonly keepDims: boolean;
}
