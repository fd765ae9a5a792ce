/**
 * Uniform weights in training, by how the step S between levels is found:
 *
 * - `max`: max|w| / (2^(b−1)−1) at every step, nothing is clipped (paper, figure 5).
 * - `mse`: begins where the squared error is least, and at every step moves to the best fit of the levels in
 *   use, ⟨w,q⟩/⟨q,q⟩: it is to uniform levels what Lloyd's step is to centroids.
 * - `lsq`: begins there too, and is learned by gradient: LSQ (arXiv 1902.08153), with its gradient scale
 *   1/√(N·(2^(b−1)−1)) for N weights. Levels are symmetric here, and the paper's start is
 *   2⟨|w|⟩/√(2^(b−1)−1).
 *
 * The state `step` is a scalar, or [out] per channel.
 */
import { check } from 'oabn-base';
import { type Granularity, groupsOf, mapGroups } from '../scheme.js';
import { mseStep } from '../mseStep.js';
import {
  fakeQuantizeStep,
  fakeQuantizeWeights,
  fittedStep,
  leastStep,
  quantizeValues,
  symmetricLevels,
  weightQuantizer,
} from '../uniform.js';
import type { WeightTraining } from './weightTraining.js';

/**
 * How the step between the levels is found: from max|w|, by the least squared error, or learned (LSQ, arXiv
 * 1902.08153).
 */
export const uniformSteps = ['max', 'mse', 'lsq'] as const;
/** The name of a way to find the step. */
export type UniformStep = (typeof uniformSteps)[number];

/** How the levels of uniform QAT are found. */
export interface UniformOptions {
  /** How the step between levels is found; default `max`. */
  readonly step?: UniformStep;
  /** Factor of the learning rate for the step of `lsq`, > 0; default 1. */
  readonly rate?: number;
}

/** Defaults left out. @throws UserError naming what is out of range. */
export function normalizeUniform({ step = 'max', rate = 1 }: UniformOptions): UniformOptions {
  check(
    uniformSteps.includes(step),
    `uniform.step must be one of ${uniformSteps.join(', ')}, got ${JSON.stringify(step)}`,
  );
  check(rate > 0, `uniform.rate must be > 0, got ${rate}`);
  return { ...(step !== 'max' && { step }), ...(step === 'lsq' && rate !== 1 && { rate }) };
}

/** Uniform QAT: levels at equal distances, symmetric about 0. @throws UserError for options out of range */
export function uniformTraining(
  bits: number,
  granularity: Granularity,
  { step = 'max', rate = 1 }: UniformOptions = {},
): WeightTraining {
  const quantMax = symmetricLevels(bits);
  if (step === 'max') {
    return {
      begin: () => ({}),
      isTrained: false,
      rate: 1,
      quantize: (kernel) => fakeQuantizeWeights(kernel, bits, granularity),
      move: () => ({}),
      finish: (kernel) =>
        mapGroups(kernel, granularity, (weights) => quantizeValues(weightQuantizer(weights, bits), weights)),
    };
  }
  return {
    begin: (kernel) => {
      const steps = groupsOf(kernel, granularity).map((w) => mseStep(w, { quantMin: -quantMax, quantMax }));
      const shape = granularity === 'perChannel' ? [steps.length] : [];
      return { step: { shape, data: Float32Array.from(steps) } };
    },
    isTrained: step === 'lsq',
    rate,
    quantize: (kernel, { step: size }) => {
      const perStep = kernel.size / size!.size;
      const gradientScale = 1 / Math.sqrt(perStep * quantMax);
      const levels = { quantMin: -quantMax, quantMax };
      return fakeQuantizeStep(kernel, size!, step === 'lsq' ? { ...levels, gradientScale } : levels);
    },
    move: (kernel, { step: size }) => ({ step: fittedStep(kernel, size!, quantMax) }),
    finish: (kernel, state) =>
      mapGroups(kernel, granularity, (weights, group) => {
        const scale = Math.max(leastStep, state.step!.data[group]!);
        return quantizeValues({ scale, zeroPoint: 0, quantMin: -quantMax, quantMax }, weights);
      }),
  };
}
