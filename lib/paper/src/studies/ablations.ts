/**
 * Ablations beyond the paper: the value of choices that the paper leaves open or does not try. All of them
 * are fine-tunings of one network at few bits (the profile says which), each compared with the default of its
 * group. A variant of your own is a cell.
 */
import { type FinetuneChanges, finetuneConfig, pretrainConfig } from 'oabn/experiment';
import type { Oabn } from 'oabn/model';
import type { WeightMethod } from 'oabn/quantize';
import type { QuantizedPoint } from '../claims/index.js';
import { measured } from './measured.js';
import { checkNames } from './names.js';
import type { Study } from './study.js';
import { rounded } from './table.js';

/** How a variant differs from the paper's ClusterQAT of a network with OABN. */
export interface Variant {
  /** Uniform QAT or ClusterQAT. */
  readonly weights: WeightMethod;
  /** Options of OABN in pretraining. */
  readonly oabn?: Omit<Oabn, 'threshold'>;
  /** Options of fine-tuning. */
  readonly changes?: FinetuneChanges;
}

/** One ablation: what is varied, on which network. */
export interface AblationCell extends Variant {
  /** What is varied. */
  readonly group: string;
  /** The name of the variant within its group. */
  readonly variant: string;
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
}

/** An ablation's accuracy, quantized and in FP32. */
export interface AblationPoint extends QuantizedPoint {
  /** What is varied. */
  readonly group: string;
  /** The name of the variant. */
  readonly variant: string;
}

/** Which ablations, on which network. */
export interface AblationGrid {
  /** Default all; see `ablationGroups`. */
  readonly groups?: readonly string[];
  /** Default the profile's, like those below. */
  readonly threshold?: number;
  /** Default the profile's. */
  readonly bits?: number;
  /** Default the profile's. */
  readonly seeds?: readonly number[];
}

/**
 * Choices that the paper leaves open or does not try, varied one at a time. @throws UserError for a group that
 * is none of them
 */
export function ablationStudy({ groups = ablationGroups, ...grid }: AblationGrid = {}): Study<
  AblationCell,
  AblationPoint
> {
  checkNames('groups', groups, ablationGroups);
  return {
    name: 'ablations',
    cells({ ablation }) {
      const { threshold, bits, seeds } = { ...ablation, ...grid };
      const chosen = variants.filter(({ group: name }) => groups.includes(name));
      return chosen.flatMap((variant) => seeds.map((seed) => ({ ...variant, threshold, bits, seed })));
    },
    config({ threshold, seed, bits, weights, oabn, changes }, lab) {
      const source = pretrainConfig(lab, { threshold, seed, ...(oabn && { oabn }) });
      return finetuneConfig(lab, { source, bits, weights, ...changes });
    },
    row: ({ group: name, variant, threshold, seed, bits }, result, network) => ({
      ...{ group: name, variant, threshold, seed, bits },
      ...measured(result, network),
    }),
    entries({ group: name, variant, seed: sample, accuracy, fp32, stateSize }) {
      const line = { 'what varies': name, variant };
      return [
        { line, column: 'FP32', sample, value: fp32 },
        { line, column: 'accuracy', sample, value: accuracy },
        { line, column: 'state size', sample, value: stateSize, format: rounded },
      ];
    },
  };
}

type NamedVariant = Variant & Pick<AblationCell, 'group' | 'variant'>;

const clustered = (more: Omit<Variant, 'weights'> = {}): Variant => ({ weights: 'cluster', ...more });
const uniform = (more: Omit<Variant, 'weights'> = {}): Variant => ({ weights: 'uniform', ...more });

const group = (name: string, variants: Readonly<Record<string, Variant>>): readonly NamedVariant[] =>
  Object.entries(variants).map(([variant, changes]) => ({ group: name, variant, ...changes }));

/** The first variant of each group is the default. */
const variants: readonly NamedVariant[] = [
  ...group('where OABN is applied', {
    'identity (paper)': clustered(),
    'identity and 1×1': clustered({ oabn: { branches: ['1x1', 'identity'] } }),
    'all branches': clustered({ oabn: { branches: ['3x3', '1x1', 'identity'] } }),
  }),
  ...group('gradient through the clip', {
    'zero where clipped': clustered(),
    'straight through': clustered({ oabn: { gradient: 'straightThrough' } }),
  }),
  ...group('the threshold', {
    'given (paper)': clustered(),
    'learned from there': clustered({ oabn: { learned: true } }),
  }),
  ...group('first centroids', {
    quantile: clustered(),
    uniform: clustered({ changes: { cluster: { init: 'uniform' } } }),
    'k-means++': clustered({ changes: { cluster: { init: 'kmeans++' } } }),
    optimal: clustered({ changes: { cluster: { init: 'optimal' } } }),
  }),
  ...group('how centroids move', {
    'a Lloyd step each step': clustered(),
    'a Lloyd step every 10 steps': clustered({ changes: { cluster: { updateEvery: 10 } } }),
    'moving average': clustered({ changes: { cluster: { update: 'ema' } } }),
    gradient: clustered({ changes: { cluster: { update: 'gradient' } } }),
  }),
  ...group('one codebook per', {
    layer: clustered(),
    channel: clustered({ changes: { scheme: { granularity: 'perChannel' } } }),
  }),
  ...group('what is trained', {
    'merged weights': clustered(),
    'the branches, through the merge (RepQ)': clustered({ changes: { through: 'branches' } }),
  }),
  ...group("the activations' ranges", {
    'moving average (paper)': clustered(),
    learned: clustered({ changes: { activations: { range: 'learned' } } }),
  }),
  ...group('uniform baselines', {
    'step = max (paper)': uniform(),
    'step of least squared error': uniform({ changes: { uniform: { step: 'mse' } } }),
    'learned step (LSQ)': uniform({ changes: { uniform: { step: 'lsq' } } }),
    'LSQ, weights and activations': uniform({
      changes: { uniform: { step: 'lsq' }, activations: { range: 'learned' } },
    }),
    ClusterQAT: clustered(),
  }),
];

/** What the ablations vary, by name. */
export const ablationGroups: readonly string[] = [...new Set(variants.map(({ group: name }) => name))];
