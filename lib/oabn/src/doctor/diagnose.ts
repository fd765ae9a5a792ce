/**
 * Which layers will suffer at low bit widths, and why: where their largest weight is and which branch put it
 * there.
 */
import { embed, identityIndex, type KernelShape } from '../family/index.js';
import { describeKernel } from '../merge/index.js';
import type { Layer } from './layers.js';
import { lawDeviation, levelSpacing } from './law.js';

/** What the largest weight of a merged layer may come from, in the words of a report. */
export const causes = {
  bell: 'no outlier: about the reach of a bell-shaped layer of its size',
  dead: 'dead channel: the identity’s BN divides by almost nothing (σ ≪ √ε)',
  identity: 'identity branch: r0 = γ/σ of its BN on the diagonal of the centre',
  bareIdentity:
    'identity branch without a BN of its own: its 1 on the diagonal of the centre, beside small kernels',
  pointwise: '1×1 branch at the centre',
  kernel: 'the largest kernel itself',
  average: 'average-pooling branch',
  chain: 'chain of convolutions in one branch',
  centre:
    'centre, on the diagonal: where an identity branch puts it (the file is merged; its branches are not known)',
  unknown: 'off the diagonal of the centre (the file is merged; its branches are not known)',
} as const;
/** The name of a cause. */
export type Cause = keyof typeof causes;

/** What a merged layer's weights look like, and which branch their largest comes from. */
export interface Diagnosis {
  /** The name of the layer. */
  readonly layer: string;
  /** [out, in per group, kh, kw] of the merged kernel. */
  readonly shape: readonly number[];
  /** max|w| */
  readonly maxAbs: number;
  /** σ, the standard deviation of the weights. */
  readonly std: number;
  /** max|w| / σ; 0, like the spacings, where all weights are the same. */
  readonly peakToSigma: number;
  /** Whether outliers make σ, so that spacings are in the σ that the layer would have without; see `lawDeviation`. */
  readonly inflated: boolean;
  /** Bits → level spacing in σ. */
  readonly spacing: Readonly<Record<number, number>>;
  /** What the largest weight comes from. */
  readonly cause: Cause;
  /** Output and input channel of the largest weight, and the share of the branch that caused it. */
  readonly at: { readonly out: number; readonly in: number; readonly share?: number };
  /** Output channels with a dead identity. */
  readonly deadChannels: number;
}

/** The bits at which a diagnosis says how far apart the levels are. */
export const diagnosedBits = [8, 6, 4] as const;

/**
 * How far beyond the expected largest value of a normal distribution a layer must reach to count as having
 * outliers.
 */
const bellAllowance = 1.5;

/** The expected largest |x| of n numbers from a normal distribution, in σ, to a few percent: √(2·ln n). */
export const bellReach = (n: number): number => Math.sqrt(2 * Math.log(n));

/** One row for each layer. */
export function diagnose(layers: readonly Layer[], bits: readonly number[] = diagnosedBits): Diagnosis[] {
  return layers.map((layer) => {
    const { kernel, name, dead } = layer;
    const { maxAbs, std, peakToSigma } = describeKernel(kernel);
    const deviation = lawDeviation(kernel.data, std);
    const index = kernel.data.reduce(
      (best, w, i) => (Math.abs(w) > Math.abs(kernel.data[best]!) ? i : best),
      0,
    );
    const [, inPerGroup, height, width] = kernel.shape as unknown as KernelShape;
    const out = Math.floor(index / (inPerGroup * height * width));
    const { cause, share } =
      peakToSigma <= bellAllowance * bellReach(kernel.data.length)
        ? { cause: 'bell' as const }
        : causeAt(layer, index, out);
    return {
      layer: name,
      shape: kernel.shape,
      maxAbs,
      std,
      peakToSigma,
      inflated: deviation < std,
      spacing: Object.fromEntries(
        bits.map((b) => [b, deviation > 0 ? levelSpacing(maxAbs / deviation, b) : 0]),
      ),
      cause,
      at: {
        out,
        in: Math.floor(index / (height * width)) % inPerGroup,
        ...(share !== undefined && { share }),
      },
      deadChannels: dead.length,
    };
  });
}

function causeAt(
  { kernel, shares, dead, hasRatio }: Layer,
  index: number,
  out: number,
): { cause: Cause; share?: number } {
  const shape = kernel.shape as unknown as KernelShape;
  const onDiagonal = identityIndex(shape, out) === index;
  if (!shares) return { cause: onDiagonal ? 'centre' : 'unknown' };
  const parts = shares
    .map(({ label, convolution }) => ({ label, w: embed(convolution, shape[2], shape[3]).kernel[index]! }))
    .sort((a, b) => Math.abs(b.w) - Math.abs(a.w));
  const { label, w } = parts[0]!;
  const share = w / kernel.data[index]!;
  if (label === 'identity') {
    const ownBn = hasRatio ? 'identity' : 'bareIdentity';
    return { cause: dead.includes(out) ? 'dead' : ownBn, share };
  }
  if (label.includes('→')) return { cause: 'chain', share };
  if (label.startsWith('average')) return { cause: 'average', share };
  return { cause: label === '1×1' && shape[2] > 1 ? 'pointwise' : 'kernel', share };
}

/**
 * The mean over layers of the level spacing at `bits`, which the rows must have; from it the law predicts.
 * Layers of which all weights are the same do not count: uniform levels hit these exactly. 0 where there are no others.
 */
export function meanSpacing(rows: readonly Diagnosis[], bits: number): number {
  const spread = rows.filter(({ std }) => std > 0);
  return spread.reduce((sum, { spacing }) => sum + spacing[bits]!, 0) / Math.max(1, spread.length);
}
