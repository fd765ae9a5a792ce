/**
 * Clustered weights in training: ClusterQAT (paper, section 3 and algorithm 2). The state `centroids` is
 * [2^b], or [out,2^b] per channel.
 */
import { check, type HostTensor } from 'oabn-base';
import {
  type CentroidUpdate,
  centroidUpdates,
  fakeQuantizeCluster,
  fakeQuantizeTrainedCluster,
  updateCentroids,
} from '../centroids.js';
import { type Granularity, groupsOf, mapGroups } from '../scheme.js';
import { kmeans1d, type KmeansInit, kmeansInits, quantizeToCentroids } from '../kmeans/index.js';
import type { WeightTraining } from './weightTraining.js';

/** How the centroids of ClusterQAT begin and move. */
export interface ClusterOptions {
  /** How the centroids begin; default `quantile`. */
  readonly init?: KmeansInit;
  /** How they move; default `lloyd`. */
  readonly update?: CentroidUpdate;
  /** Training steps between moves, ≥ 1; default 1. Has no effect on `gradient`. */
  readonly updateEvery?: number;
  /**
   * Factor of the learning rate for centroids that move by `gradient`, > 0; default 1e-3, because a gradient
   * is a sum over thousands of weights.
   */
  readonly rate?: number;
}

/** The paper's own: quantiles at first, then a Lloyd step at each training step. */
export const clusterDefaults = {
  init: 'quantile',
  update: 'lloyd',
  updateEvery: 1,
  rate: 1e-3,
} as const satisfies ClusterOptions;

/** Defaults left out. @throws UserError naming what is out of range. */
export function normalizeCluster(options: ClusterOptions): ClusterOptions {
  const { init, update, updateEvery, rate } = { ...clusterDefaults, ...options };
  check(
    kmeansInits.includes(init),
    `cluster.init must be one of ${kmeansInits.join(', ')}, got ${JSON.stringify(init)}`,
  );
  check(
    centroidUpdates.includes(update),
    `cluster.update must be one of ${centroidUpdates.join(', ')}, got ${JSON.stringify(update)}`,
  );
  check(
    Number.isInteger(updateEvery) && updateEvery > 0,
    `cluster.updateEvery must be a whole number > 0, got ${updateEvery}`,
  );
  check(rate > 0, `cluster.rate must be > 0, got ${rate}`);
  return {
    ...(init !== clusterDefaults.init && { init }),
    ...(update !== clusterDefaults.update && { update }),
    ...(update !== 'gradient' && updateEvery !== clusterDefaults.updateEvery && { updateEvery }),
    ...(update === 'gradient' && rate !== clusterDefaults.rate && { rate }),
  };
}

/**
 * ClusterQAT (paper, algorithm 2): weights take the values of 2^bits centroids, which move while the network
 * trains.
 * @throws UserError for options out of range
 */
export function clusterTraining(
  bits: number,
  granularity: Granularity,
  options: ClusterOptions = {},
): WeightTraining {
  const { init, update, rate } = { ...clusterDefaults, ...options };
  const isTrained = update === 'gradient';
  return {
    begin: (kernel) => ({ centroids: initialState(kernel, bits, granularity, init) }),
    isTrained,
    rate,
    quantize: (kernel, { centroids }) =>
      isTrained ? fakeQuantizeTrainedCluster(kernel, centroids!) : fakeQuantizeCluster(kernel, centroids!),
    move: (kernel, { centroids }) => ({
      centroids: updateCentroids(kernel, centroids!, update === 'ema' ? 'ema' : 'lloyd'),
    }),
    finish: (kernel, { centroids }) =>
      mapGroups(kernel, granularity, (weights, group) => {
        const k = 2 ** bits;
        // Trained centroids may have passed one another.
        return quantizeToCentroids(weights, centroids!.data.slice(group * k, (group + 1) * k).sort());
      }),
  };
}

function initialState(
  kernel: HostTensor<Float32Array>,
  bits: number,
  granularity: Granularity,
  init: KmeansInit,
): HostTensor<Float32Array> {
  const k = 2 ** bits;
  const rows = groupsOf(kernel, granularity).map((weights) => kmeans1d(weights, k, { init }).centroids);
  const data = new Float32Array(rows.length * k);
  rows.forEach((row, i) => data.set(row, i * k));
  return { shape: granularity === 'perChannel' ? [rows.length, k] : [k], data };
}
