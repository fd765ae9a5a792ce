/**
 * What training costs (paper, table 7; claim C12): RepVGG with BN, with OABN, and QARepVGG side by side,
 * counted from their descriptions and measured on this machine. The three take turns step by step, so that
 * whatever else the machine does affects all of them alike; times are medians.
 */
import { describeScale, type PaperLab } from '../profiles/index.js';
import { currentBackend, memoryUse, tf } from 'tfjs-native';
import { quantile } from 'oabn-base';
import {
  type Architecture,
  costOf,
  initialize,
  normalizeArchitecture,
  toVariables,
  trainingCostOf,
} from 'oabn/model';
import { disposeState, initialState, pretrainStep, type StepInput, type TrainState } from 'oabn/train';
import type { CostPoint } from '../claims/index.js';
import { precisionOptions, stepKey, withThreshold } from 'oabn/experiment';

/** What training a network costs, counted and measured. */
export interface TrainingCostRow {
  /** «RepVGG», «RepVGG + OABN», «QARepVGG» */
  readonly network: string;
  /** Trained parameters of the training-time form. */
  readonly params: number;
  /** Counted: floating-point operations of one training step on the batch. */
  readonly flops: number;
  /** Those of them that are not convolutions: BN, sums, ReLU, the optimizer. */
  readonly otherFlops: number;
  /** Counted: bytes of activations that a step keeps for its backward pass. */
  readonly activationBytes: number;
  /** Measured: the median over the rounds, and how far the middle half of them spreads. */
  readonly secondsPerStep: number;
  readonly secondsSpread: number;
  /** The time of each round; the networks take turns, so the rounds of two networks can be paired. */
  readonly roundSeconds: readonly number[];
  /**
   * Measured: by how much the process, or the GPU's memory where it is known, grew since before the first
   * step.
   */
  readonly memoryBytes: number;
  /** Counted: multiply–accumulates of the merged network for one image, the same for all three. */
  readonly mergedMacs: number;
  readonly batchSize: number;
  readonly rounds: number;
}

/** What is measured. */
export interface TrainingCostOptions {
  /** s of the row with OABN; default 1. The cost does not depend on it. */
  readonly threshold?: number;
  /** Timed steps of each network; default 9. */
  readonly rounds?: number;
  /** Default the lab's own. */
  readonly arch?: Architecture;
  /** Default the lab's for pretraining. */
  readonly batchSize?: number;
}

/** The rows of Table 7, and where they come from. */
export interface MeasuredCost {
  readonly rows: readonly TrainingCostRow[];
  /** Where the rows come from: profile, data, scale, and what the steps were measured on. */
  readonly source: string;
}

/** The three networks of the table by their names. */
export function costedNetworks(arch: Architecture, threshold = 1): Record<string, Architecture> {
  const plain = withThreshold({ ...arch, block: 'repvgg' }, Infinity);
  return {
    RepVGG: plain,
    'RepVGG + OABN': withThreshold(plain, threshold),
    QARepVGG: normalizeArchitecture({ ...plain, block: 'qarepvgg' }),
  };
}

/** A row for each of the three networks, trained on one batch of the lab's images. */
export async function measureTrainingCost(
  lab: PaperLab,
  {
    arch = lab.defaults.arch,
    threshold = 1,
    rounds = 9,
    batchSize = lab.defaults.pretraining.batchSize,
  }: TrainingCostOptions = {},
): Promise<MeasuredCost> {
  const networks = Object.entries(costedNetworks({ ...arch, classes: lab.train.classes.length }, threshold));
  const rows = Array.from({ length: batchSize }, (_, i) => i % lab.train.size);
  const { images, labels } = await lab.train.take(rows);
  const input: StepInput = {
    images: tf.tensor4d(images, [batchSize, ...lab.train.imageShape]),
    labels: tf.tensor1d(labels, 'int32'),
    learningRate: tf.scalar(0.01),
  };
  // What the engine loads once must not count for the first network.
  const smallest = { ...networks[0]![1], widths: arch.widths.map(() => 8), depths: arch.depths.map(() => 1) };
  await stepper(lab, smallest, input).then(({ dispose }) => dispose());
  const steppers: Awaited<ReturnType<typeof stepper>>[] = [];
  const size = lab.train.imageShape[0];
  try {
    for (const [, each] of networks) steppers.push(await stepper(lab, each, input));
    for (let round = 0; round < rounds; round++) {
      // Each round begins with another network, so that it is not always the same one that follows a pause.
      for (let i = 0; i < steppers.length; i++) await steppers[(round + i) % steppers.length]!.time();
    }
    const costs = networks.map(([network, each], i): TrainingCostRow => {
      const { params, flops, convolutionFlops, activationBytes } = trainingCostOf(each, size, batchSize);
      const seconds = [...steppers[i]!.seconds].sort((a, b) => a - b);
      return {
        network,
        params,
        flops,
        otherFlops: flops - convolutionFlops,
        activationBytes,
        secondsPerStep: quantile(seconds, 0.5),
        secondsSpread: quantile(seconds, 0.75) - quantile(seconds, 0.25),
        roundSeconds: steppers[i]!.seconds,
        memoryBytes: steppers[i]!.memoryBytes,
        mergedMacs: costOf(each, size, 'merged').macs,
        batchSize,
        rounds,
      };
    });
    const { name, device } = currentBackend()!; // the lab has chosen one
    return { rows: costs, source: `${describeScale(lab)} · ${name} on ${device}` };
  } finally {
    for (const each of steppers) each.dispose();
    tf.dispose([input.images, input.labels, input.learningRate]);
  }
}

/** The part of a row that claim C12 compares. */
export function costPointOf({ flops, activationBytes, roundSeconds }: TrainingCostRow): CostPoint {
  return { flops, activationBytes, seconds: roundSeconds };
}

/** A network's step, ready to be taken and timed; two steps have been taken. */
async function stepper(lab: PaperLab, arch: Architecture, input: StepInput) {
  const before = memoryInUse();
  const { params, buffers } = toVariables(initialize(arch, 1));
  const { pretraining } = lab.defaults;
  const batch = input.images.shape[0];
  const step = pretrainStep(arch, { ...pretraining, ...precisionOptions(lab, batch) });
  const key = `${stepKey(arch, pretraining)} batch ${batch}`;
  let state: TrainState = initialState(params, buffers, pretraining.ema);
  const run = await lab.compiled.get(key, () => step, [state, input]);
  const take = async (): Promise<void> => {
    const { state: next, metrics } = await run(state, input);
    await metrics.loss.data(); // waits for the engine
    tf.dispose([metrics.loss, metrics.correct]);
    disposeState(state, next);
    state = next;
  };
  const seconds: number[] = [];
  const time = async (): Promise<void> => {
    const start = performance.now();
    await take();
    seconds.push((performance.now() - start) / 1000);
  };
  await take();
  await take();
  return {
    seconds,
    time,
    memoryBytes: Math.max(0, memoryInUse() - before),
    dispose: () => disposeState(state),
  };
}

function memoryInUse(): number {
  const { deviceBytes, processBytes } = memoryUse();
  return tf.getBackend() === 'wasm' ? processBytes : (deviceBytes ?? processBytes);
}
