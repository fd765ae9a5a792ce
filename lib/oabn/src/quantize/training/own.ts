/**
 * A weight quantizer of your own in training, from three small functions on the points that weights are moved
 * to. The straight-through gradient, the handling of the state in checkpoints and the stored codebook are
 * ClusterQAT's.
 */
import { check, type HostTensor } from 'oabn-base';
import { tf } from 'tfjs-native';
import { type Custom, custom, functionOf, normalizeCustom, valuesOnHost } from '../../custom/index.js';
import { straightThrough } from '../uniform.js';
import type { WeightTraining } from './weightTraining.js';

/** The points that a layer begins with, from its weights, flat, and b. Usually 2^b of them. */
export type BeginPoints = (engine: typeof tf, weights: Float32Array, bits: number) => ArrayLike<number>;
/** Weights of any shape as the points [K] that stand for them: the same shape. */
export type QuantizeToPoints = (engine: typeof tf, weights: tf.Tensor, points: tf.Tensor) => tf.Tensor;
/** The points [K] after a step with these weights. */
export type MovePoints = (engine: typeof tf, weights: tf.Tensor, points: tf.Tensor) => tf.Tensor;

/** A quantizer of weights, layer by layer, as part of a configuration. */
export interface OwnQuantizer {
  /** Its name in tables. */
  readonly name: string;
  /** The points that a layer begins with. */
  readonly begin: Custom<BeginPoints>;
  /** Weights as the points that stand for them. */
  readonly quantize: Custom<QuantizeToPoints>;
  /** Absent: the points stay where they are. */
  readonly move?: Custom<MovePoints>;
}

/**
 * Makes a value of three functions that `finetune` takes in place of k-means. Each gets `tf` first, and uses
 * nothing but its arguments (see `custom`).
 */
export function ownQuantizer(
  name: string,
  { begin, quantize, move }: { begin: BeginPoints; quantize: QuantizeToPoints; move?: MovePoints },
): OwnQuantizer {
  return {
    name,
    begin: custom(`${name}: begin`, begin),
    quantize: custom(`${name}: quantize`, quantize),
    ...(move && { move: custom(`${name}: move`, move) }),
  };
}

/** The canonical form. @throws UserError when it was not made by `ownQuantizer` */
export function normalizeOwnQuantizer(value: OwnQuantizer): OwnQuantizer {
  const { name, begin, quantize, move } = (value ?? {}) as Partial<OwnQuantizer>;
  check(
    typeof name === 'string' && begin && quantize,
    () =>
      `quantizer must be a value of ownQuantizer(name, { begin, quantize }), got ${JSON.stringify(value)}`,
  );
  return {
    name,
    begin: normalizeCustom(begin, 'quantizer.begin'),
    quantize: normalizeCustom(quantize, 'quantizer.quantize'),
    ...(move && { move: normalizeCustom(move, 'quantizer.move') }),
  };
}

/** The quantizer in training, b = `bits`, one set of points for a layer. */
export function ownTraining(bits: number, quantizer: OwnQuantizer): WeightTraining {
  const quantize = functionOf(quantizer.quantize);
  const move = quantizer.move && functionOf(quantizer.move);
  return {
    begin: ({ data }) => {
      const points = Float32Array.from(functionOf(quantizer.begin)(tf, data, bits));
      const good = points.length > 0 && points.every(Number.isFinite);
      check(
        good,
        () => `«${quantizer.name}» begins with the points [${points.join(', ')}]; they must be numbers`,
      );
      return { points: { shape: [points.length], data: points } };
    },
    isTrained: false,
    rate: 1,
    quantize: (kernel, { points }) => {
      const quantized = quantize(tf, kernel, points!);
      check(
        quantized.shape.join() === kernel.shape.join(),
        () =>
          `«${quantizer.name}» makes a tensor of shape [${quantized.shape.join(', ')}] from weights of shape [${kernel.shape.join(', ')}]; it must keep their shape`,
      );
      return straightThrough(kernel, quantized);
    },
    move: (kernel, { points }) => ({ points: move ? move(tf, kernel, points!) : tf.clone(points!) }),
    finish: (kernel, { points }) => finished(kernel, points!, bits, quantizer),
  };
}

function finished(
  kernel: HostTensor<Float32Array>,
  points: HostTensor<Float32Array>,
  bits: number,
  { name, quantize }: OwnQuantizer,
): Float32Array {
  const values = valuesOnHost(() =>
    functionOf(quantize)(tf, tf.tensor1d(kernel.data), tf.tensor1d(points.data)),
  );
  check(
    values.length === kernel.data.length,
    () =>
      `«${name}» gives ${values.length} values for ${kernel.data.length} weights; it must keep their shape`,
  );
  const states = new Set(values).size;
  check(
    states <= 2 ** bits,
    () => `«${name}» gives ${states} different values in a layer; ${bits} bits can tell ${2 ** bits} apart`,
  );
  return values;
}
