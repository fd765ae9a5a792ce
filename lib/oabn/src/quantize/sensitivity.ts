/**
 * How much each block suffers from few bits: every block quantized alone, weights and the activation that
 * enters it, all others in FP32, at each number of bits, and the error that this makes in the logits of
 * calibration images. No labels are needed, and the error of the logits is a finer measure than accuracy.
 * `allocateBits` spends bits where they count most by it.
 *
 * One traced function serves all of it: what differs are kernels, levels and a switch for each block, which
 * are tensors.
 */
import { compile, tf } from 'tfjs-native';
import { check, type Progress, silent } from 'oabn-base';
import {
  type Architecture,
  forwardMerged,
  get,
  quantizedBlocks,
  type StateDict,
  type Tensors,
  toTensor,
  toVariables,
} from '../model/index.js';
import { calibrate, type CalibrationImages } from './calibrate.js';
import { quantizeKernel } from './quantizedNetwork.js';
import { activationBitsOf, checkScheme, maxBits, minBits, type QuantizationScheme } from './scheme.js';

/** What quantizing one block alone does to the logits. */
export interface Sensitivity {
  /** The block's name. */
  readonly block: string;
  /** The number of its weights. */
  readonly weights: number;
  /** b → mean squared error of the logits over their variance, with this block alone in b bits. */
  readonly errors: Readonly<Record<number, number>>;
}

/** The network, the images, and the bits to try. */
export interface SensitivityProblem {
  /** Its description. */
  readonly arch: Architecture;
  /** The merged network in FP32. */
  readonly merged: StateDict;
  /** How a block is quantized; its bits are replaced by each of `bits` in turn. */
  readonly scheme: QuantizationScheme;
  /** The images whose logits are compared. */
  readonly calibration: CalibrationImages;
  /** Default 2 to 8. */
  readonly bits?: readonly number[];
  /** Called as blocks are done; default: no progress is reported. */
  readonly progress?: Progress;
  /** When aborted, the measurement ends with the reason. */
  readonly signal?: AbortSignal;
}

interface Inputs {
  readonly params: Tensors;
  /** Block → range, levels 2^b−1, and 1 where its activation is quantized, else 0. */
  readonly activations: Readonly<
    Record<string, Readonly<Record<'min' | 'max' | 'levels' | 'on', tf.Scalar>>>
  >;
  readonly images: tf.Tensor4D;
}

/** One entry for each quantized block, in the order of the network. */
export async function sensitivities(problem: SensitivityProblem): Promise<Sensitivity[]> {
  const { arch, merged, calibration } = problem;
  const side = Math.sqrt(calibration.images.length / calibration.size / 3);
  const ranges = await calibrate(arch, merged, [calibration]);
  const images = tf.tensor4d(calibration.images, [calibration.size, side, side, 3]);
  const { params } = toVariables(merged);
  const activations = Object.fromEntries(
    quantizedBlocks(arch).map(({ name }) => [
      name,
      {
        min: tf.scalar(ranges[name]!.min),
        max: tf.scalar(ranges[name]!.max),
        levels: tf.scalar(1),
        on: tf.scalar(0),
      },
    ]),
  );
  try {
    const compiled = await compile(
      (inputs: Inputs) => switchedLogits(arch, inputs),
      [{ params, activations, images }],
      { precision: 'float32' },
    );
    const logitsOf = async (inputs: PassInputs): Promise<Float32Array> => {
      const logits = await compiled({ ...inputs, images });
      const values = (await logits.data()) as Float32Array;
      logits.dispose();
      return values;
    };
    return await eachAlone(problem, { params, activations }, logitsOf).finally(() => compiled.dispose());
  } finally {
    tf.dispose([images, params, activations] as unknown as tf.TensorContainer);
  }
}

/** What differs from one pass to the next. */
type PassInputs = Omit<Inputs, 'images'>;

/** The entries, from the logits with one block after the other quantized; `params` and `off` are without any. */
async function eachAlone(
  {
    arch,
    merged,
    scheme,
    bits = Array.from({ length: maxBits - minBits + 1 }, (_, i) => minBits + i),
    progress = silent,
    signal,
  }: SensitivityProblem,
  { params, activations: off }: PassInputs,
  logitsOf: (inputs: PassInputs) => Promise<Float32Array>,
): Promise<Sensitivity[]> {
  const blocks = quantizedBlocks(arch);
  const exact = await logitsOf({ params, activations: off });
  const result: Sensitivity[] = [];
  for (const [i, { name }] of blocks.entries()) {
    const key = `${name}.rbr_reparam.weight`;
    const kernel = get(merged, key);
    const errors: Record<number, number> = {};
    for (const b of bits) {
      signal?.throwIfAborted();
      const alone = checkScheme({ ...scheme, bits: b, layerBits: {} });
      const activationBits = activationBitsOf(alone, name);
      const changed = toTensor({ shape: kernel.shape, data: quantizeKernel(kernel, alone, name) });
      const [levels, on] = [
        tf.scalar(2 ** (activationBits ?? 1) - 1),
        tf.scalar(activationBits === undefined ? 0 : 1),
      ];
      const activations = { ...off, [name]: { ...off[name]!, levels, on } };
      errors[b] = relativeError(
        await logitsOf({ params: { ...params, [key]: changed }, activations }),
        exact,
      );
      tf.dispose([changed, levels, on]);
    }
    result.push({ block: name, weights: kernel.data.length, errors });
    progress({ task: 'sensitivity', done: i + 1, total: blocks.length });
  }
  return result;
}

function switchedLogits(arch: Architecture, { params, activations, images }: Inputs): tf.Tensor2D {
  return forwardMerged(arch, params, images, {
    activation: (block, x) => {
      const { min, max, levels, on } = activations[block]!;
      const low = tf.minimum(min, 0);
      const scale = tf.maximum(tf.div(tf.sub(tf.maximum(max, 0), low), levels), 1e-12);
      const zeroPoint = tf.round(tf.div(tf.neg(low), scale));
      const level = tf.add(tf.round(tf.div(x, scale)), zeroPoint);
      const clamped = tf.minimum(tf.maximum(level, 0), levels);
      const quantized = tf.mul(tf.sub(clamped, zeroPoint), scale);
      return tf.add(x, tf.mul(tf.sub(quantized, x), on));
    },
  });
}

/** Mean squared difference over the variance of `exact`. */
function relativeError(values: Float32Array, exact: Float32Array): number {
  const mean = exact.reduce((sum, value) => sum + value, 0) / exact.length;
  const variance = exact.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = exact.reduce((sum, value, i) => sum + (values[i]! - value) ** 2, 0);
  return error / Math.max(variance, Number.MIN_VALUE);
}

/** A way to spend bits on the blocks so far; `previous` leads to the choices for the blocks before. */
interface Plan {
  /** Σ weights · bits */
  readonly cost: number;
  readonly error: number;
  readonly bits: number;
  readonly previous: Plan | undefined;
}

/**
 * The bits of each block, for `scheme.layerBits`, of least total error with at most `averageBits` bits per
 * weight on average. Exact, by dynamic programming over the plans that no other plan beats in both cost and
 * error, if errors add up: the assumption of every such method, true for small independent errors.
 * @throws UserError when even the fewest bits exceed the average
 */
export function allocateBits(
  sensitivities: readonly Sensitivity[],
  averageBits: number,
): Record<string, number> {
  const total = sensitivities.reduce((sum, { weights }) => sum + weights, 0);
  const budget = averageBits * total * (1 + 1e-12);
  const leastOf = ({ weights, errors }: Sensitivity): number =>
    weights * Math.min(...Object.keys(errors).map(Number));
  let rest = sensitivities.reduce((sum, each) => sum + leastOf(each), 0);
  check(
    rest <= budget,
    () =>
      `averageBits must be at least ${(rest / total).toFixed(2)}, which the fewest bits that were measured need; got ${averageBits}`,
  );
  let plans: Plan[] = [{ cost: 0, error: 0, bits: 0, previous: undefined }];
  for (const each of sensitivities) {
    rest -= leastOf(each);
    const affordable = plans
      .flatMap((previous) =>
        Object.entries(each.errors).map(([b, error]): Plan => {
          const bits = Number(b);
          return { cost: previous.cost + each.weights * bits, error: previous.error + error, bits, previous };
        }),
      )
      .filter(({ cost }) => cost + rest <= budget);
    plans = unbeaten(affordable);
  }
  const allocated: Record<string, number> = {};
  let plan = plans.at(-1);
  for (const { block } of [...sensitivities].reverse()) {
    allocated[block] = plan!.bits;
    plan = plan!.previous;
  }
  return Object.fromEntries(sensitivities.map(({ block }) => [block, allocated[block]!]));
}

/** The plans than which no other is both cheaper and better, from the cheapest to the best. */
function unbeaten(plans: readonly Plan[]): Plan[] {
  const sorted = [...plans].sort((a, b) => a.cost - b.cost || a.error - b.error);
  const kept: Plan[] = [];
  for (const plan of sorted) {
    if (kept.length === 0 || plan.error < kept.at(-1)!.error) kept.push(plan);
  }
  return kept;
}
