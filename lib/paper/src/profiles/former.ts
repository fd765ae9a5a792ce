/**
 * The profile `quick` of version 0.1, one pass over 20,000 images, whose results still ship: they are used
 * where no better profile has any yet, and are not computed again.
 */
import { runDefaults } from 'oabn/experiment';
import type { Profile } from './profile.js';

/** The profile `quick` as it was when the results that ship were computed. */
export const formerQuick: Profile = {
  ...runDefaults,
  name: 'quick-0.1',
  pretraining: { ...runDefaults.pretraining, decay: 'kernels' },
  thresholds: [0.1, 0.25, 0.5, 1, Infinity],
  lowBitThresholds: [0.25, 0.5, Infinity],
  seeds: [1, 2],
  bits: [8, 6, 4, 3, 2],
  ptqBits: [8, 6, 5, 4, 3],
  tableThresholds: [0.25, Infinity],
  tableBits: [8, 4],
  tableSeeds: [1, 2],
  tableIterations: 40,
  search: {
    rates: [3e-4, 1e-3, 3e-3, 1e-2],
    thresholds: [0.25, Infinity],
    bits: [4],
    heldOut: { first: 8_000, images: 2_000 },
  },
  ablation: { threshold: 0.25, bits: 3, seeds: [1, 2] },
  outliers: { epochs: [1], widths: [1], thresholds: [Infinity], seeds: [1] },
  imagenet: {
    data: { name: 'imagenet50', testImages: 2_000 },
    thresholds: [0.1, 0.25, 1, Infinity],
    lowBitThresholds: [0.25, Infinity],
  },
};
