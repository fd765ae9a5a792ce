/**
 * Ablations beyond the paper: what each choice is worth that the article leaves open or does not try. All of them are
 * 4-bit-like fine-tunings of one network (the profile says which), each against the default of its group.
 */
import type { Oabn } from '../../model/index.js';
import type { ClusterOptions } from '../../train/index.js';
import type { FinetuneConfig, RunConfig } from '../config.js';
import { finetuneConfig, type Lab, pretrainConfig } from '../lab.js';
import { run } from '../run.js';

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
  readonly configOf: (lab: Lab, seed: number) => FinetuneConfig;
}

/** The points of all ablations, by running what the store does not have. */
export async function ablationStudy(lab: Lab, groups?: readonly string[]): Promise<AblationPoint[]> {
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
export function ablationConfigs(lab: Lab): RunConfig[] {
  const configs = ablations.flatMap(({ configOf }) =>
    lab.profile.ablation.seeds.map((seed) => configOf(lab, seed)),
  );
  return [...configs.map(({ source }) => source as RunConfig), ...configs];
}

/** ClusterQAT of the profile's network, pretrained with other options of OABN. */
const pretrainedWith =
  (options: Omit<Oabn, 'threshold'>) =>
  (lab: Lab, seed: number): FinetuneConfig => {
    const { threshold, bits } = lab.profile.ablation;
    return finetuneConfig(lab, pretrainConfig(lab, { threshold, seed, oabn: options }), bits, 'kmeans');
  };

/** ClusterQAT with other options of its own. */
const clusteredWith =
  (cluster: ClusterOptions) =>
  (lab: Lab, seed: number): FinetuneConfig => {
    const { threshold, bits } = lab.profile.ablation;
    const source = pretrainConfig(lab, { threshold, seed });
    return finetuneConfig(lab, source, bits, 'kmeans', Object.keys(cluster).length > 0 ? { cluster } : {});
  };

const ablations: readonly Ablation[] = [
  { group: 'where OABN is applied', variant: 'identity (paper)', configOf: pretrainedWith({}) },
  {
    group: 'where OABN is applied',
    variant: 'identity and 1×1',
    configOf: pretrainedWith({ branches: ['1x1', 'identity'] }),
  },
  {
    group: 'where OABN is applied',
    variant: 'all branches',
    configOf: pretrainedWith({ branches: ['3x3', '1x1', 'identity'] }),
  },
  {
    group: 'gradient through the clip',
    variant: 'zero where clipped (default)',
    configOf: pretrainedWith({}),
  },
  {
    group: 'gradient through the clip',
    variant: 'straight through',
    configOf: pretrainedWith({ gradient: 'straightThrough' }),
  },
  { group: 'first centroids', variant: 'quantile (default)', configOf: clusteredWith({}) },
  ...(['uniform', 'kmeans++', 'optimal'] as const).map((init) => ({
    group: 'first centroids',
    variant: init,
    configOf: clusteredWith({ init }),
  })),
  { group: 'how centroids move', variant: 'a Lloyd step each step (default)', configOf: clusteredWith({}) },
  {
    group: 'how centroids move',
    variant: 'a Lloyd step every 10 steps',
    configOf: clusteredWith({ updateEvery: 10 }),
  },
  { group: 'how centroids move', variant: 'moving average', configOf: clusteredWith({ update: 'ema' }) },
];
