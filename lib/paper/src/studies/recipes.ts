/**
 * The search for a profile's recipe: which network, trained how, is worth its processor time? Each recipe is judged on
 * training images that it did not train on, so that nothing is chosen by test images, and by what the paper is about:
 * how far its merged weights reach, and what post-training quantization leaves of its accuracy.
 */
import type { PaperLab } from '../profiles/index.js';
import {
  type PretrainConfig,
  pretrainConfig,
  type PretrainTraining,
  ptqConfig,
  run,
  type RunConfig,
} from 'oabn/experiment';
import type { Architecture } from 'oabn/model';

/** A network and how it is trained. */
export interface Recipe {
  readonly name: string;
  /** Without OABN, whose threshold is the recipe's. */
  readonly arch: Omit<Architecture, 'classes'>;
  /** Default Infinity, plain BN. */
  readonly threshold?: number;
  readonly training: PretrainTraining;
}

/** What a recipe gives. */
export interface RecipeRow extends Recipe {
  /** FP32, on the held-out images, in [0, 1]. */
  readonly accuracy: number;
  readonly images: number;
  /** Processor seconds of training and its evaluation; missing where they were not counted. */
  readonly coreSeconds?: number;
  /** max|w|/σ of the merged layers: their mean, and the largest. */
  readonly meanPeakToSigma: number;
  readonly maxPeakToSigma: number;
  /** The largest |r0| of all identity branches. */
  readonly maxRatio: number;
  /** Accuracy after uniform PTQ, by its bits. */
  readonly quantized: Readonly<Record<number, number>>;
}

/** Training images that are held out to judge by. */
export const heldOutImages = 5_000;

/** Of the uniform PTQ by which a recipe is judged. */
export const recipeBits = [8, 6, 5, 4] as const;

/** The runs behind `recipeRow`, the network first. */
export function recipeConfigs(lab: PaperLab, recipe: Recipe): RunConfig[] {
  const network = networkConfig(lab, recipe);
  return [network, ...recipeBits.map((bits) => ptqConfig(lab, { source: network, bits }))];
}

/** What a recipe gives, by running what the store does not have. */
export async function recipeRow(lab: PaperLab, recipe: Recipe): Promise<RecipeRow> {
  const network = networkConfig(lab, recipe);
  const { result, provenance } = await run(lab, network);
  const quantized: Record<number, number> = {};
  for (const bits of recipeBits) {
    quantized[bits] = (await run(lab, ptqConfig(lab, { source: network, bits }))).result.accuracy;
  }
  const { accuracy, images, outliers } = result;
  const peaks = outliers.map(({ peakToSigma }) => peakToSigma);
  return {
    ...recipe,
    accuracy,
    images,
    ...(provenance.cpuSeconds !== undefined && { coreSeconds: provenance.cpuSeconds }),
    meanPeakToSigma: peaks.reduce((sum, peak) => sum + peak, 0) / peaks.length,
    maxPeakToSigma: Math.max(...peaks),
    maxRatio: Math.max(0, ...outliers.map(({ identity }) => identity?.maxRatio ?? 0)),
    quantized,
  };
}

function networkConfig(lab: PaperLab, { arch, threshold = Infinity, training }: Recipe): PretrainConfig {
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
