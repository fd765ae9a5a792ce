/**
 * The search for a profile's recipe: which network, trained how, is worth its processor time? Each recipe is
 * judged on training images that it did not train on, so that nothing is chosen on test images, and by what
 * the paper is about: how far its merged weights reach, and what post-training quantization leaves of its
 * accuracy.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from 'oabn-base';
import type { PaperLab } from '../profiles/index.js';
import {
  type PretrainConfig,
  pretrainConfig,
  type PretrainResult,
  type PretrainTraining,
  type PtqConfig,
  ptqConfig,
} from 'oabn/experiment';
import { summarizeRows } from 'oabn/merge';
import type { Architecture } from 'oabn/model';
import type { Study } from './study.js';

/** A network and how it is trained. */
export interface Recipe {
  readonly name: string;
  /** Without OABN, whose threshold is the recipe's. */
  readonly arch: Omit<Architecture, 'classes'>;
  /** Default Infinity, plain BN. */
  readonly threshold?: number;
  readonly training: PretrainTraining;
}

/** A recipe's network, quantized to a number of bits after training. */
export interface RecipeCell extends Recipe {
  readonly bits: number;
}

/** What a cell of a recipe gives. */
export interface RecipePoint extends RecipeCell {
  /** After uniform PTQ, on the held-out images, in [0, 1]. */
  readonly quantized: number;
  /** The same network in FP32. */
  readonly network: PretrainResult;
}

/** What a recipe gives, all bits in one row. */
export interface RecipeRow extends Recipe {
  /** FP32, on the held-out images, in [0, 1]. */
  readonly accuracy: number;
  readonly images: number;
  /** max|w|/σ of the merged layers: their mean, and the largest. */
  readonly meanPeakToSigma: number;
  readonly maxPeakToSigma: number;
  /** The largest |r0| of all identity branches. */
  readonly maxRatio: number;
  /** Accuracy after uniform PTQ, by its bits. */
  readonly quantized: Readonly<Record<number, number>>;
}

/** The number of training images that are held out for judging. */
export const heldOutImages = 5_000;

/** The bits of the uniform PTQ by which a recipe is judged. */
export const recipeBits = [8, 6, 5, 4] as const;

/** The rows of the search that ships with the project (`data/results/recipes`). */
export function recipeRowsThatShip(dataset: 'cifar10' | 'imagenet50'): RecipeRow[] {
  const path = join(projectFolder(), 'data', 'results', 'recipes', `${dataset}.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { rows: RecipeRow[] }).rows;
}

/** The search over `recipes`: each network, and what uniform PTQ leaves of it. */
export function recipeStudy(recipes: readonly Recipe[]): Study<RecipeCell, RecipePoint, PtqConfig> {
  return {
    name: 'recipes',
    cells: () => recipes.flatMap((recipe) => recipeBits.map((bits) => ({ ...recipe, bits }))),
    config: ({ bits, ...recipe }, lab) => ptqConfig(lab, { source: recipeNetwork(lab, recipe), bits }),
    row: (cell, { accuracy }, network) => ({ ...cell, quantized: accuracy, network }),
  };
}

/** The rows of recipes from the points of their study, in the same order. */
export function recipeRows(points: readonly RecipePoint[]): RecipeRow[] {
  return [...new Set(points.map(({ name }) => name))].map((name) => {
    const ofRecipe = points.filter((point) => point.name === name);
    const { bits: _, quantized: __, network, ...recipe } = ofRecipe[0]!;
    const { accuracy, images, outliers } = network;
    const { meanPeakToSigma, maxPeakToSigma } = summarizeRows(outliers);
    return {
      ...recipe,
      accuracy,
      images,
      meanPeakToSigma,
      maxPeakToSigma,
      maxRatio: Math.max(0, ...outliers.map(({ identity }) => identity?.maxRatio ?? 0)),
      quantized: Object.fromEntries(ofRecipe.map(({ bits, quantized }) => [bits, quantized])),
    };
  });
}

/** The run that trains a recipe's network, without the held-out images, and measures it on them. */
export function recipeNetwork(
  lab: PaperLab,
  { arch, threshold = Infinity, training }: Recipe,
): PretrainConfig {
  const heldOut = Math.min(heldOutImages, Math.floor(lab.train.size / 10));
  const judged = { ...lab, data: { ...lab.data, testImages: null, heldOut } };
  const { seed } = training;
  return pretrainConfig(judged, {
    threshold,
    seed,
    arch: { ...arch, classes: lab.train.classes.length },
    training,
  });
}
