/**
 * Reconstruction, the frame of AdaRound, BRECQ, QDrop and RepAPQ: unit by unit from the first to the last,
 * roundings (and more) are learned so that the unit, fed by what is already quantized, produces what it
 * produces in the full-precision network (asymmetric reconstruction with ReLU: AdaRound, arXiv 2004.10568,
 * section 3.3).
 *
 * The methods differ in their `Recipe`. The papers take 10,000 (AdaRound) to 20,000 steps per unit on
 * ImageNet; the default here is for networks that two CPU cores can train. Learning rates are such that the
 * distance that a parameter can travel, rate × steps, does not depend on the number of steps.
 */
import { tf } from 'tfjs-native';
import { check, type HostTensor, silent } from 'oabn-base';
import { blocksOf, get, type Tensors, toVariables } from '../../../model/index.js';
import type { QuantizedNetwork } from '../../quantizedNetwork.js';
import { activationBitsOf, weightBitsOf } from '../../scheme.js';
import { checkUniform } from '../checkUniform.js';
import type { PtqProblem } from '../method.js';
import { type Activations, layerTensors } from './activations.js';
import { compiledOnce } from './compileOnce.js';
import { type LearningOptions, learnUnit, type UnitData } from './learnUnit.js';
import {
  calibrationActivations,
  fullPrecisionPass,
  importancePass,
  type PassContext,
  quantizedPass,
} from './passes.js';
import { activationReach, histogramOf } from './ranges.js';
import { kernelScales, roundingProblem } from './rounding.js';
import type { UnitLayer } from './unitState.js';
import { type Unit, unitsOf } from './units.js';

/** What distinguishes a method of reconstruction. */
export interface Recipe extends LearningOptions {
  readonly title: string;
  /** Layers reconstructed together. */
  readonly unitSize: number;
  /** p of the Lp norm by which the activations' ranges are chosen at first. */
  readonly rangeNorm: number;
  /** Whether squared errors are weighted by the Fisher information. */
  readonly fisher: boolean;
  /** Whether the output of the stage is compared in addition to that of the unit. */
  readonly acrossBlocks: boolean;
}

/** What the methods have in common, and AdaRound's choices where they differ. */
export const learningDefaults = {
  error: 'squared',
  fisher: false,
  acrossBlocks: false,
  learnsRanges: false,
  learnsAffine: false,
  dropProbability: 0,
  regularization: 0.01,
  travel: { rounding: 10, range: 0.5, affine: 0.5 },
  iterations: 150,
  batchSize: 16,
} as const;

/** Quantizes a network by `recipe`. @throws UserError for weights that are not uniform. */
export async function reconstruct(problem: PtqProblem, recipe: Recipe): Promise<QuantizedNetwork> {
  const { arch, merged, scheme, seed, progress = silent, signal } = problem;
  checkUniform(recipe.title, scheme);
  const { iterations = recipe.iterations } = problem;
  check(
    Number.isInteger(iterations) && iterations > 0,
    `iterations must be a whole number > 0, got ${iterations}`,
  );
  const { params } = toVariables(merged);
  const { compileOnce, dispose } = compiledOnce();
  const context = {
    seed,
    task: `${recipe.title} ${scheme.bits} bits`,
    progress,
    compileOnce,
    ...(signal && { signal }),
  };
  const stateDict: Record<string, HostTensor<Float32Array>> = { ...merged };
  const activations: Record<string, { min: number; max: number }> = {};
  try {
    const units = unitsOf(arch, recipe.unitSize);
    const importances = recipe.fisher ? await importancePass(problem, units, params, context) : [];
    const stem = blocksOf(arch).slice(0, 1);
    let [full] = await fullPrecisionPass(stem, params, calibrationActivations(problem), context);
    let input = full!;
    for (const [i, unit] of units.entries()) {
      const prepared = await prepareUnit(problem, recipe, unit, params, { full: full!, input }, context);
      const data = importances[i] ? { ...prepared, importance: importances[i] } : prepared;
      const learned = await learnUnit(data, { ...recipe, iterations }, context);
      learned.forEach(({ kernel, bias, activation }, k) => {
        const { name } = unit.layers[k]!;
        const weight = `${name}.rbr_reparam.weight`;
        stateDict[weight] = { shape: get(merged, weight).shape, data: kernel };
        stateDict[`${name}.rbr_reparam.bias`] = { shape: [bias.length], data: bias };
        if (activation) activations[name] = { min: 0, max: activation.reach };
      });
      input = await quantizedPass(unit, learned, input, context);
      full = data.target;
    }
  } finally {
    tf.dispose(params as tf.TensorContainer);
    await dispose();
  }
  return { arch, scheme, stateDict, activations };
}

/**
 * What a unit learns from, given what enters it in the full-precision network and behind the quantized part.
 */
async function prepareUnit(
  { merged, scheme }: PtqProblem,
  recipe: Recipe,
  unit: Unit,
  params: Tensors,
  { full, input }: { full: Activations; input: Activations },
  context: PassContext,
): Promise<UnitData> {
  const outputs = await fullPrecisionPass(unit.layers, params, full, context);
  const target = outputs.at(-1)!;
  const layers = unit.layers.map((block, i): UnitLayer => {
    const kernel = get(merged, `${block.name}.rbr_reparam.weight`);
    const entering = i === 0 ? input : outputs[i - 1]!;
    const weightBits = weightBitsOf(scheme, block.name);
    const bits = activationBitsOf(scheme, block.name);
    return {
      rounding: roundingProblem(kernel, weightBits, kernelScales(kernel, weightBits, scheme.granularity)),
      bias: get(merged, `${block.name}.rbr_reparam.bias`).data,
      meanOutput: mean(outputs[i]!.data),
      ...(bits !== undefined && {
        activation: { bits, reach: activationReach(histogramOf(entering.data), bits, recipe.rangeNorm) },
      }),
    };
  });
  const compares = recipe.acrossBlocks && unit.rest.length > 0;
  const stage = compares ? await fullPrecisionPass(unit.rest, params, target, context) : undefined;
  const drops = recipe.dropProbability > 0 && scheme.activationBits !== null;
  return {
    unit,
    layers,
    rest: compares ? unit.rest.map((block) => layerTensors(params, block)) : [],
    input,
    target,
    ...(stage && { stageTarget: stage.at(-1)! }),
    ...(drops && { fullInput: full }),
  };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
