/**
 * A network's outliers in six numbers, cheap enough to be recorded after every epoch: how far its merged
 * weights reach, and what its identity branches contribute to that (paper, section 2).
 */
import {
  type Architecture,
  bnEpsilon,
  bnPrefix,
  get,
  hostThreshold,
  quantizedBlocks,
  type StateDict,
} from '../model/index.js';
import { analyzeOutliers, type OutlierRow } from './outliers.js';

/** The outliers of a network in a few numbers. */
export interface OutlierSummary {
  /**
   * The mean max|w|/σ of the merged, quantized layers, without those of which all weights are the same; 0 where there
   * is none, as for the next.
   */
  readonly meanPeakToSigma: number;
  /** The largest max|w|/σ of these layers. */
  readonly maxPeakToSigma: number;
  /** The largest |r0| of all identity branches, as merged; 0 where there is none, as for the next three. */
  readonly maxRatio: number;
  /** √(running variance) of what enters the identity's BN, the mean over channels. */
  readonly inputDeviation: number;
  /** Share of the identity's channels whose |γ/σ| OABN limits. */
  readonly clipped: number;
  /** Share of the identity's channels that hardly vary: a running variance below 10⁻³. */
  readonly dead: number;
}

/** Below this variance a channel counts as dead. */
export const deadVariance = 1e-3;

/** The summary of a three-branch network. */
export function summarizeOutliers(arch: Architecture, stateDict: StateDict): OutlierSummary {
  const channels = identityChannels(arch, stateDict);
  const share = (holds: (channel: Channel) => boolean): number =>
    channels.length === 0 ? 0 : channels.filter(holds).length / channels.length;
  return {
    ...summarizeRows(analyzeOutliers(arch, stateDict)),
    inputDeviation: mean(channels.map(({ variance }) => Math.sqrt(variance))),
    clipped: share(
      ({ gamma, variance, threshold }) => Math.abs(gamma) / Math.sqrt(variance + bnEpsilon) >= threshold,
    ),
    dead: share(({ variance }) => variance < deadVariance),
  };
}

/** What the outliers of the merged, quantized layers tell by themselves. */
export function summarizeRows(
  rows: readonly OutlierRow[],
): Pick<OutlierSummary, 'meanPeakToSigma' | 'maxPeakToSigma' | 'maxRatio'> {
  const peaks = rows.filter(({ std }) => std > 0).map(({ peakToSigma }) => peakToSigma);
  return {
    meanPeakToSigma: mean(peaks),
    maxPeakToSigma: Math.max(0, ...peaks),
    maxRatio: Math.max(0, ...rows.map(({ identity }) => identity?.maxRatio ?? 0)),
  };
}

interface Channel {
  readonly gamma: number;
  readonly variance: number;
  /** The block's s, as it is now where it is learned; Infinity where nothing limits the identity. */
  readonly threshold: number;
}

/** The channels of all identity BNs; none in blocks without one, such as QARepVGG's. */
function identityChannels(arch: Architecture, stateDict: StateDict): Channel[] {
  return quantizedBlocks(arch).flatMap((block) => {
    const prefix = block.branches.includes('identity') ? bnPrefix(block, 'identity') : undefined;
    if (prefix === undefined) return [];
    const variance = get(stateDict, `${prefix}.running_var`).data;
    const threshold = hostThreshold(arch, stateDict, block, 'identity');
    return [...get(stateDict, `${prefix}.weight`).data].map((gamma, i) => ({
      gamma,
      threshold,
      variance: Math.max(0, variance[i]!),
    }));
  });
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
