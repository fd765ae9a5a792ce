/** The networks with plain BN, one for each seed, and their outliers: what claims C1 and C2 speak of, and figure 2. */
import { type PretrainConfig, pretrainConfig } from 'oabn/experiment';
import type { OutlierRow } from 'oabn/merge';
import type { Study } from './study.js';

/** A network with plain BN. */
export interface PlainNetwork {
  readonly seed: number;
  /** Of the merged weights, block by block. */
  readonly outliers: readonly OutlierRow[];
}

/** A network with plain BN for each seed: Figure 2, and claims C1 and C2. */
export const plainNetworkStudy: Study<{ readonly seed: number }, PlainNetwork, PretrainConfig> = {
  name: 'networks with plain BN',
  cells: ({ seeds }) => seeds.map((seed) => ({ seed })),
  config: ({ seed }, lab) => pretrainConfig(lab, { threshold: Infinity, seed }),
  row: ({ seed }, { outliers }) => ({ seed, outliers }),
};

/** Figure 2's network to compare with: the same widths and depths, one 3×3 convolution with BN a block. */
export const ordinaryCnnStudy: Study<{ readonly seed: number }, PlainNetwork, PretrainConfig> = {
  ...plainNetworkStudy,
  name: 'an ordinary CNN',
  cells: ({ seeds: [first] }) => [{ seed: first! }],
  config: ({ seed }, lab) =>
    pretrainConfig(lab, { threshold: Infinity, seed, arch: { ...lab.defaults.arch, branches: ['3x3'] } }),
};
