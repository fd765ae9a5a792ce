/**
 * Penalties on weights in pretraining that are meant to make them easier to quantize: rivals of OABN, which
 * limits the merged weights through the structure of the network instead. Each is a mean over the quantized
 * convolutions, of their own kernels or of the merged ones:
 *
 * - `kure` (arXiv 2002.07686): (kurtosis(w) − 1.8)², 1.8 being the kurtosis of a uniform distribution;
 * - `range` (R², arXiv 2303.08253, L∞): max|w|.
 *
 * On merged kernels their gradients reach the branches' kernels and γ, not the running statistics, which are those
 * before the batch; none passes where OABN clips.
 */
import { check, schema } from 'oabn-base';
import { tf } from 'tfjs-native';
import { type Custom, functionOf, normalizeCustom } from '../custom/index.js';
import { mergeTensors } from '../merge/index.js';
import { type Architecture, bnPrefix, convPrefix, quantizedBlocks, type Tensors } from '../model/index.js';

/** A kernel [kh,kw,in,out] → a scalar, which is added to the loss. */
export type Penalty = (engine: typeof tf, kernel: tf.Tensor) => tf.Tensor;

/**
 * Penalties on a kernel, each a scalar: `kure` pulls its kurtosis to that of a uniform distribution (KURE,
 * arXiv 2002.07686), `range` is max|w|.
 */
export const penalties = {
  /**
   * (kurtosis − 1.8)² of a kernel, a scalar. 10⁻¹² is added to σ⁴, so the kurtosis of kernels with σ below 0.003 comes
   * out more than a hundredth too low, and that of equal weights is 0.
   */
  kure: (engine: typeof tf, kernel: tf.Tensor): tf.Tensor => {
    const centred = engine.sub(kernel, engine.mean(kernel));
    const squares = engine.square(centred);
    const variance = engine.mean(squares);
    const kurtosis = engine.div(
      engine.mean(engine.square(squares)),
      engine.add(engine.square(variance), 1e-12),
    );
    return engine.square(engine.sub(kurtosis, 1.8));
  },
  /** max|w| of a kernel, a scalar. */
  range: (engine: typeof tf, kernel: tf.Tensor): tf.Tensor => engine.max(engine.abs(kernel)),
} as const satisfies Record<string, Penalty>;

/** The name of a penalty in `penalties`. */
export type PenaltyName = keyof typeof penalties;

/** What is added to the loss: a penalty on each kernel, times λ. */
export interface Regularizer {
  /** The penalty on a kernel, by name or as a function of your own. */
  readonly penalty: PenaltyName | Custom<Penalty>;
  /** λ > 0. */
  readonly strength: number;
  /**
   * The kernels that it acts on: those of each branch (default), or those merged with the running statistics.
   */
  readonly on?: 'branches' | 'merged';
}

const { anything, object, oneOf } = schema;

/** The members that a regularizer has. */
export const regularizerRule: schema.Rule = object(
  { penalty: anything, strength: anything },
  { on: oneOf('branches', 'merged') },
);

/** «kure of the merged, λ=0.001» */
export function describeRegularizer({ penalty, strength, on = 'branches' }: Regularizer): string {
  return `${typeof penalty === 'string' ? penalty : penalty.name} of the ${on}, λ=${strength}`;
}

/**
 * λ of each penalty on merged kernels in training from scratch. KURE's is the largest of 0.1, 0.01 and 0.001
 * that costs a small network of CIFAR-10 less than a point: merged kernels begin with far larger kurtoses than
 * those of branches.
 */
export const penaltyStrengths = { kure: 0.001, range: 0.05 } as const satisfies Record<PenaltyName, number>;

/**
 * λ of each penalty in annealing, which is short: KURE's costs a network of CIFAR-10 a point in FP32 and gives it
 * fifty at 3 bits (`data/results/annealing-search.json`).
 */
export const annealingStrengths = { kure: 0.03, range: 2 } as const satisfies Record<PenaltyName, number>;

/** A penalty on the merged kernels; λ by default that of training from scratch. */
export const mergedPenalty = (
  penalty: PenaltyName,
  strength: number = penaltyStrengths[penalty],
): Regularizer => ({ penalty, strength, on: 'merged' });

/** A penalty on the merged kernels; λ by default that of annealing. */
export const annealingPenalty = (
  penalty: PenaltyName,
  strength: number = annealingStrengths[penalty],
): Regularizer => mergedPenalty(penalty, strength);

/** The canonical form. @throws UserError naming what is wrong */
export function normalizeRegularizer({ penalty, strength, on = 'branches' }: Regularizer): Regularizer {
  check(
    typeof penalty !== 'string' || Object.hasOwn(penalties, penalty),
    () =>
      `regularizer.penalty must be one of ${Object.keys(penalties).join(', ')}, or a function of your own, got ${JSON.stringify(penalty)}`,
  );
  check(strength > 0, () => `regularizer.strength must be > 0, got ${strength}`);
  check(
    on === 'branches' || on === 'merged',
    () => `regularizer.on must be "branches" or "merged", got ${JSON.stringify(on)}`,
  );
  return {
    penalty: typeof penalty === 'string' ? penalty : normalizeCustom(penalty, 'regularizer.penalty'),
    strength,
    ...(on === 'merged' && { on }),
  };
}

/** @throws UserError for a network whose only convolution is its first, which has no kernels to penalize */
export function checkRegularizer(arch: Architecture): void {
  check(
    quantizedBlocks(arch).length > 0,
    'A regularizer penalizes the kernels that are quantized, all but the first convolution’s; this network has no other',
  );
}

/**
 * What a regularizer adds to the loss of a three-branch network with these parameters and running statistics:
 * a scalar. @throws UserError as `checkRegularizer`
 */
export function regularization(
  arch: Architecture,
  regularizer: Regularizer,
  params: Tensors,
  buffers: Tensors,
): tf.Scalar {
  checkRegularizer(arch);
  const kernels = quantizedBlocks(arch).flatMap((block) => {
    if (regularizer.on === 'merged') {
      const statisticsOf = (place: Parameters<typeof bnPrefix>[1]) => ({
        mean: buffers[`${bnPrefix(block, place)}.running_mean`]!,
        variance: buffers[`${bnPrefix(block, place)}.running_var`]!,
      });
      return [mergeTensors(arch, params, block, statisticsOf).kernel as tf.Tensor];
    }
    return block.branches
      .filter((branch) => branch !== 'identity')
      .map((branch) => params[`${convPrefix(block, branch)}.weight`]!);
  });
  return onKernels(kernels, regularizer);
}

/**
 * What a regularizer adds to the loss of a merged network with these parameters: a scalar.
 * @throws UserError as `checkRegularizer`
 */
export function mergedRegularization(
  arch: Architecture,
  regularizer: Regularizer,
  params: Tensors,
): tf.Scalar {
  checkRegularizer(arch);
  const kernels = quantizedBlocks(arch).map(({ name }) => params[`${name}.rbr_reparam.weight`]!);
  return onKernels(kernels, regularizer);
}

/** λ times the mean of the penalties on the kernels. */
function onKernels(kernels: readonly tf.Tensor[], { penalty, strength }: Regularizer): tf.Scalar {
  const of: Penalty = typeof penalty === 'string' ? penalties[penalty] : functionOf(penalty);
  const sum = kernels.map((kernel) => of(tf, kernel)).reduce((a, b) => tf.add(a, b));
  return tf.mul(sum, strength / kernels.length) as tf.Scalar;
}
