/**
 * Ablations beyond the paper: what each choice is worth that the article leaves open or does not try. All of them are
 * 4-bit-like fine-tunings of one network (the profile says which), each against the default of its group.
 */
import type { PaperLab } from '../profiles/index.js';
import type { Oabn } from 'oabn/model';
import type { WeightMethod } from 'oabn/quantize';
import {
  type FinetuneChanges,
  type FinetuneConfig,
  finetuneConfig,
  pretrainConfig,
  run,
  type RunConfig,
} from 'oabn/experiment';

export interface AblationPoint {
  /** What is varied. */
  readonly group: string;
  readonly variant: string;
  readonly seed: number;
  readonly accuracy: number;
  /** Of the network before fine-tuning. */
  readonly fp32: number;
  readonly stateSize: number;
  readonly images: number;
}

interface Ablation {
  readonly group: string;
  readonly variant: string;
  readonly configOf: (lab: PaperLab, seed: number) => FinetuneConfig;
}

/** The points of all ablations, by running what the store does not have. */
export async function ablationStudy(lab: PaperLab, groups?: readonly string[]): Promise<AblationPoint[]> {
  const points: AblationPoint[] = [];
  for (const { group, variant, configOf } of ablations) {
    if (groups && !groups.includes(group)) continue;
    for (const seed of lab.profile.ablation.seeds) {
      const config = configOf(lab, seed);
      const { accuracy, images, stateSize } = (await run(config, lab)).result;
      const fp32 = (await run(config.source as RunConfig & { kind: 'pretrain' }, lab)).result.accuracy;
      points.push({ group, variant, seed, accuracy, fp32, stateSize, images });
    }
  }
  return points;
}

/** The runs behind `ablationStudy`, networks first. */
export function ablationConfigs(lab: PaperLab): RunConfig[] {
  const configs = ablations.flatMap(({ configOf }) =>
    lab.profile.ablation.seeds.map((seed) => configOf(lab, seed)),
  );
  return [...configs.map(({ source }) => source as RunConfig), ...configs];
}

/** ClusterQAT of the profile's network, pretrained with other options of OABN. */
const pretrainedWith =
  (options: Omit<Oabn, 'threshold'>) =>
  (lab: PaperLab, seed: number): FinetuneConfig => {
    const { threshold, bits } = lab.profile.ablation;
    return finetuneConfig(lab, pretrainConfig(lab, { threshold, seed, oabn: options }), bits, 'kmeans');
  };

/** Fine-tuning of the profile's network with other options of its own. */
const finetunedWith =
  (weights: WeightMethod, changes: FinetuneChanges) =>
  (lab: PaperLab, seed: number): FinetuneConfig => {
    const { threshold, bits } = lab.profile.ablation;
    return finetuneConfig(lab, pretrainConfig(lab, { threshold, seed }), bits, weights, changes);
  };

const group = (name: string, variants: Readonly<Record<string, Ablation['configOf']>>): readonly Ablation[] =>
  Object.entries(variants).map(([variant, configOf]) => ({ group: name, variant, configOf }));

/** The first variant of each group is the default. */
const ablations: readonly Ablation[] = [
  ...group('where OABN is applied', {
    'identity (paper)': pretrainedWith({}),
    'identity and 1×1': pretrainedWith({ branches: ['1x1', 'identity'] }),
    'all branches': pretrainedWith({ branches: ['3x3', '1x1', 'identity'] }),
  }),
  ...group('gradient through the clip', {
    'zero where clipped': pretrainedWith({}),
    'straight through': pretrainedWith({ gradient: 'straightThrough' }),
  }),
  ...group('the threshold', {
    'given (paper)': pretrainedWith({}),
    'learned from there': pretrainedWith({ learned: true }),
  }),
  ...group('first centroids', {
    quantile: finetunedWith('kmeans', {}),
    uniform: finetunedWith('kmeans', { cluster: { init: 'uniform' } }),
    'k-means++': finetunedWith('kmeans', { cluster: { init: 'kmeans++' } }),
    optimal: finetunedWith('kmeans', { cluster: { init: 'optimal' } }),
  }),
  ...group('how centroids move', {
    'a Lloyd step each step': finetunedWith('kmeans', {}),
    'a Lloyd step every 10 steps': finetunedWith('kmeans', { cluster: { updateEvery: 10 } }),
    'moving average': finetunedWith('kmeans', { cluster: { update: 'ema' } }),
    gradient: finetunedWith('kmeans', { cluster: { update: 'gradient' } }),
  }),
  ...group('one codebook per', {
    layer: finetunedWith('kmeans', {}),
    channel: finetunedWith('kmeans', { scheme: { granularity: 'perChannel' } }),
  }),
  ...group('what is trained', {
    'merged weights': finetunedWith('kmeans', {}),
    'the branches, through the merge (RepQ)': finetunedWith('kmeans', { through: 'branches' }),
  }),
  ...group('uniform baselines', {
    'step = max (paper)': finetunedWith('uniform', {}),
    'step of least squared error': finetunedWith('uniform', { uniform: { step: 'mse' } }),
    'learned step (LSQ)': finetunedWith('uniform', { uniform: { step: 'lsq' } }),
    'LSQ, weights and activations': finetunedWith('uniform', {
      uniform: { step: 'lsq' },
      activations: { range: 'learned' },
    }),
    ClusterQAT: finetunedWith('kmeans', {}),
  }),
];
