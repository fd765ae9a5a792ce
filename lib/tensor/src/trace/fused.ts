/**
 * Kernels of tfjs that combine several, which its layers use where no gradient is taken; they are recorded as
 * the kernels that they stand for. The engines fuse in their own ways.
 */
import { UserError } from 'oabn-base';
import type { tf } from '../engines/index.js';
import type { Attributes, KernelName, Value } from '../ops/index.js';

/** Writes calls and numbers into the graph that is being traced. */
export interface Scribe {
  /** The first result of a kernel. */
  readonly call: <K extends KernelName>(
    kernel: K,
    inputs: readonly Value[],
    attributes: Attributes[K],
  ) => Value;
  readonly number: (value: number) => Value;
}

/** The result of a fused kernel on its inputs by name; some of them may be missing. */
type Fused = (scribe: Scribe, inputs: Inputs, attributes: never) => Value;
type Inputs = Readonly<Record<string, Value | undefined>>;

interface Ending {
  readonly activation: string;
  readonly leakyreluAlpha?: number;
}

export const fusedKernels: Readonly<Record<string, Fused>> = {
  _FusedMatMul: (scribe, inputs, attributes: tf._FusedMatMulAttrs) => {
    const { transposeA, transposeB } = attributes;
    const product = scribe.call('BatchMatMul', [inputs.a!, inputs.b!], { transposeA, transposeB });
    return ended(scribe, product, inputs, attributes);
  },
  FusedConv2D: (scribe, inputs, attributes: tf.FusedConv2DAttrs) => {
    const { strides, pad, dataFormat, dilations, dimRoundingMode } = attributes;
    const convolution = { strides, pad, dataFormat, dilations, dimRoundingMode };
    return ended(scribe, scribe.call('Conv2D', [inputs.x!, inputs.filter!], convolution), inputs, attributes);
  },
  /** (x − mean) · scale / √(variance + ε) + offset */
  FusedBatchNorm: ({ call, number }, inputs, { varianceEpsilon }: tf.FusedBatchNormAttrs) => {
    const { x, mean, variance, scale, offset } = inputs;
    const inverse = call('Rsqrt', [call('Add', [variance!, number(varianceEpsilon)], {})], {});
    const factor = scale ? call('Multiply', [inverse, scale], {}) : inverse;
    const normalized = call('Multiply', [call('Sub', [x!, mean!], {}), factor], {});
    return offset ? call('Add', [normalized, offset], {}) : normalized;
  },
};

/** A bias and an activation after a product. */
function ended(
  { call }: Scribe,
  product: Value,
  { bias }: Inputs,
  { activation, leakyreluAlpha }: Ending,
): Value {
  const sum = bias ? call('Add', [product, bias], {}) : product;
  switch (activation) {
    case 'linear':
      return sum;
    case 'relu':
      return call('Relu', [sum], {});
    case 'relu6':
      return call('Relu6', [sum], {});
    case 'elu':
      return call('Elu', [sum], {});
    case 'sigmoid':
      return call('Sigmoid', [sum], {});
    case 'leakyrelu':
      return call('LeakyRelu', [sum], { alpha: leakyreluAlpha ?? 0.2 });
    default:
      throw new UserError(
        `The compiler does not know the activation ${activation} of a layer; put it after the layer, or run the step eagerly`,
      );
  }
}
