/**
 * OABN taken out of a trained network: γ of each limited BN becomes r̂·√(σ²+ε), so that plain BN computes what
 * OABN did, whichever branches it limited, with whatever s. What looks at ratios, such as merging blocks of any
 * family, then needs to know nothing of OABN.
 */
import type { HostTensor } from 'oabn-base';
import {
  type Architecture,
  bnEpsilon,
  bnPrefix,
  blocksOf,
  get,
  hostThreshold,
  isLimited,
  limitedOnHost,
  type StateDict,
  thresholdName,
} from '../model/index.js';

/** A network with plain BN in the place of OABN. */
export interface WithoutLimits {
  /** Without its learned s, and with γ that need no limit. */
  readonly stateDict: StateDict;
  /** The largest |r0| that OABN allows the identity branches; Infinity where it does not limit them. */
  readonly threshold: number;
}

/** The same function with plain BN, rounded to single precision; `stateDict` is that of a three-branch network. */
export function withoutLimits(arch: Architecture, stateDict: StateDict): WithoutLimits {
  const learned = new Set<string>();
  const gammas: Record<string, HostTensor<Float32Array>> = {};
  let threshold = isLimited(arch, 'identity') ? 0 : Infinity;
  for (const block of blocksOf(arch)) {
    for (const branch of block.branches) {
      const prefix = bnPrefix(block, branch);
      if (prefix === undefined || !isLimited(arch, branch)) continue;
      const variance = get(stateDict, `${prefix}.running_var`).data;
      const deviation = Float64Array.from(variance, (v) => Math.sqrt(v + bnEpsilon));
      const ratio = Float64Array.from(
        get(stateDict, `${prefix}.weight`).data,
        (gamma, i) => gamma / deviation[i]!,
      );
      const limited = limitedOnHost(arch, stateDict, block, branch, ratio);
      const gamma = Float32Array.from(limited, (r, i) => r * deviation[i]!);
      gammas[`${prefix}.weight`] = { shape: [gamma.length], data: gamma };
      learned.add(thresholdName(block, branch));
      // A limit of one's own may let ratios beyond s.
      if (branch === 'identity')
        threshold = Math.max(
          threshold,
          hostThreshold(arch, stateDict, block, branch),
          ...limited.map(Math.abs),
        );
    }
  }
  const kept = Object.entries(stateDict).filter(([name]) => !learned.has(name));
  return { stateDict: { ...Object.fromEntries(kept), ...gammas }, threshold };
}

/** Whether OABN is the paper's: one given s that clips the ratios of the identity branches, and nothing else. */
export function isOfPaper({ oabn }: Pick<Architecture, 'oabn'>): boolean {
  return !oabn?.learned && !oabn?.limit && (oabn?.branches ?? ['identity']).join() === 'identity';
}
