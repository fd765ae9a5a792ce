/** Every run of the main job, networks first, each once: what the notebooks' studies ask for, together. */
import { type Labs, type PaperLab } from '../profiles/index.js';
import { canonicalJson } from 'oabn-base';
import { type Job, normalizeConfig, pretrainConfig, type RunConfig } from 'oabn/experiment';
import { ablationConfigs } from './ablations.js';
import { learningRateConfigs } from './learningRates.js';
import { lowBitConfigs } from './lowBit.js';
import { ptqTableConfigs } from './ptqTable.js';
import { thresholdConfigs } from './threshold.js';

/** The runs of both sides. */
export function mainJob({ cifar, imagenet }: Labs): Job[] {
  return [
    ...cifarConfigs(cifar).map((config) => ({ lab: cifar, config })),
    ...imagenetConfigs(imagenet).map((config) => ({ lab: imagenet, config })),
  ];
}

/** The runs of CIFAR-10's side: figures 2, 4, 7a and 8, table 5, the search for learning rates and the ablations. */
export function cifarConfigs(lab: PaperLab): RunConfig[] {
  return distinct([
    ordinaryCnn(lab),
    ...thresholdConfigs(lab),
    ...lowBitConfigs(lab),
    ...learningRateConfigs(lab),
    ...ablationConfigs(lab),
  ]);
}

/** The runs of ImageNet's side: figure 7b, tables 3 and 6. */
export function imagenetConfigs(lab: PaperLab): RunConfig[] {
  return distinct([...thresholdConfigs(lab), ...ptqTableConfigs(lab), ...lowBitConfigs(lab)]);
}

/** Figure 2's network to compare with: the same widths and depths, one 3×3 convolution with BN a block. */
export function ordinaryCnn(
  lab: PaperLab,
  seed: number = lab.profile.seeds[0]!,
): ReturnType<typeof pretrainConfig> {
  return pretrainConfig(lab, { threshold: Infinity, seed, arch: { ...lab.profile.arch, branches: ['3x3'] } });
}

function distinct(configs: readonly RunConfig[]): RunConfig[] {
  const normal = configs.map((config) => normalizeConfig(config));
  return [...new Map(normal.map((config) => [canonicalJson(config), config])).values()];
}
