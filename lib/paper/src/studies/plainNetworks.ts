/**
 * Networks and their outliers, before any quantization: those with plain BN, which claims C1 and C2 are
 * about, together with those with OABN, and figure 2's ordinary CNN.
 */
import { type PretrainConfig, pretrainConfig } from 'oabn/experiment';
import type { OutlierRow } from 'oabn/merge';
import { networksOf, type Study } from './study.js';

/** A network and its outliers. */
export interface NetworkRow {
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** The outliers of the merged weights, block by block. */
  readonly outliers: readonly OutlierRow[];
}

/** A network of the grid: its s and seed. */
export type NetworkCell = Omit<NetworkRow, 'outliers'>;

/** The networks of the profile's seeds at these thresholds. */
export function networkStudy(thresholds: readonly number[]): Study<NetworkCell, NetworkRow, PretrainConfig> {
  return {
    name: 'networks',
    cells: ({ seeds }) => networksOf(seeds, thresholds),
    config: (cell, lab) => pretrainConfig(lab, cell),
    row: (cell, { outliers }) => ({ ...cell, outliers }),
  };
}

/** A network with plain BN for each seed: Figures 2 and 4. */
export const plainNetworkStudy: Study<NetworkCell, NetworkRow, PretrainConfig> = {
  ...networkStudy([Infinity]),
  name: 'networks with plain BN',
};

/** Figure 2's network to compare with: the same widths and depths, one 3×3 convolution with BN per block. */
export const ordinaryCnnStudy: Study<NetworkCell, NetworkRow, PretrainConfig> = {
  ...plainNetworkStudy,
  name: 'an ordinary CNN',
  cells: ({ seeds: [first] }) => [{ threshold: Infinity, seed: first! }],
  config: (cell, lab) => pretrainConfig(lab, { ...cell, arch: { ...lab.defaults.arch, branches: ['3x3'] } }),
};
