/**
 * Activation quantizers in training, one for the input of each quantized block, by what happens to the range:
 *
 * - `moving`: min and max follow those of the batches, from the calibrated ones on.
 * - `fixed`: it stays where the squared error on the calibration images is least.
 * - `learned`: it begins there, and the step S between levels is learned by gradient: LSQ for activations
 *   (arXiv 1902.08153), with its gradient scale 1/√(N·(2^b−1)) for N features of an image. The paper's start is
 *   2⟨|x|⟩/√(2^b−1) on the first batch.
 *
 * The last two clip, and their ranges begin at 0: what enters a quantized block has been through ReLU.
 */
import { tf } from 'tfjs-native';
import { check } from 'oabn-base';
import { type StateDict, type Tensors } from '../../model/index.js';
import { type ActivationRange, fakeQuantizeActivation, fakeQuantizeStep, leastStep } from '../uniform.js';

/**
 * What happens to the ranges while a network is fine-tuned: they follow the batches, stay fixed, or are
 * learned (LSQ, arXiv 1902.08153).
 */
export const activationRangeKinds = ['moving', 'fixed', 'learned'] as const;
/** The name of one of these. */
export type ActivationRangeKind = (typeof activationRangeKinds)[number];

/** How the quantizers of the activations behave during fine-tuning. */
export interface ActivationOptions {
  /** What becomes of the range; default `moving`. */
  readonly range?: ActivationRangeKind;
  /** Share of the batch's range in a moving one, in [0, 1]; default 0.01. */
  readonly momentum?: number;
}

/** Share of a batch's range in the moving range of an activation. */
export const rangeMomentum = 0.01;

/** Defaults left out. @throws UserError naming what is out of range. */
export function normalizeActivations(options: ActivationOptions): ActivationOptions {
  const { range = 'moving', momentum = rangeMomentum } = options;
  check(
    activationRangeKinds.includes(range),
    `activations.range must be one of ${activationRangeKinds.join(', ')}, got ${JSON.stringify(range)}`,
  );
  check(momentum >= 0 && momentum <= 1, `activations.momentum must be in [0, 1], got ${momentum}`);
  return {
    ...(range !== 'moving' && { range }),
    ...(range === 'moving' && momentum !== rangeMomentum && { momentum }),
  };
}

/** An activation quantizer with its state during fine-tuning; one for each block. */
export interface ActivationTraining {
  /** Short name → scalar. */
  readonly begin: (range: ActivationRange) => Readonly<Record<string, number>>;
  /** Whether the state is trained by gradients. */
  readonly isTrained: boolean;
  /** The quantized activation, and the state after the step. */
  readonly quantize: (x: tf.Tensor4D, state: Tensors) => { value: tf.Tensor4D; next: Tensors };
  /** The range that a trained state represents. */
  readonly finish: (state: StateDict) => ActivationRange;
}

/**
 * The quantizer of the activation that enters a block, in `bits`.
 * @throws UserError for options out of range
 */
export function activationTraining(
  bits: number,
  { range = 'moving', momentum = rangeMomentum }: ActivationOptions = {},
): ActivationTraining {
  const quantMax = 2 ** bits - 1;
  if (range === 'learned') {
    return {
      begin: ({ max }) => ({ 'activation.step': Math.max(leastStep, max / quantMax) }),
      isTrained: true,
      quantize: (x, state) => {
        const gradientScale = 1 / Math.sqrt((x.size / x.shape[0]) * quantMax);
        const levels = { quantMin: 0, quantMax, gradientScale };
        return { value: fakeQuantizeStep(x, state['activation.step']!, levels), next: {} };
      },
      finish: (state) => ({
        min: 0,
        max: quantMax * Math.max(leastStep, state['activation.step']!.data[0]!),
      }),
    };
  }
  const follow = (old: tf.Tensor, seen: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor =>
    range === 'fixed' ? old : tf.add(tf.mul(old, 1 - momentum), tf.mul(seen(x), momentum));
  return {
    begin: ({ min, max }) => ({ 'activation.min': min, 'activation.max': max }),
    isTrained: false,
    quantize: (x, state) => {
      const min = follow(state['activation.min']!, tf.min, x);
      const max = follow(state['activation.max']!, tf.max, x);
      return {
        value: fakeQuantizeActivation(x, min, max, bits),
        next: { 'activation.min': min, 'activation.max': max },
      };
    },
    finish: (state) => ({
      min: state['activation.min']!.data[0]!,
      max: state['activation.max']!.data[0]!,
    }),
  };
}
