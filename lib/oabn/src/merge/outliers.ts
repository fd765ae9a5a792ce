/**
 * The outlier report of a network: how far its merged weights reach beyond their bulk, and which branch does
 * it (paper, section 2; claims C1 and C2).
 */
import { type HostTensor } from 'oabn-base';
import { type Architecture, quantizedBlocks, get, type StateDict } from '../model/index.js';
import { weightClass } from './classes.js';
import { mergeNetwork, mergeParts } from './merge.js';

/** How the merged weights of a block are distributed, and what of it class A explains. */
export interface OutlierRow {
  /** The block's name. */
  readonly block: string;
  /** The number of its merged weights. */
  readonly weights: number;
  /** max|w| */
  readonly maxAbs: number;
  /** σ, the standard deviation of the weights. */
  readonly std: number;
  /**
   * Peak-to-σ ratio, maxAbs / std: 4 to 6 for a bell-shaped layer of this size, far more with outliers. 0 where all
   * weights are the same, which have no spread to reach beyond.
   */
  readonly peakToSigma: number;
  /** Excess kurtosis: 0 for a normal distribution, and where all weights are the same. */
  readonly kurtosis: number;
  /** Share of class A among the largest 0.1% of the weights, at least one of them. */
  readonly classAOfLargest: number;
  /** Share of class A among all weights. */
  readonly classAOfAll: number;
  /** In blocks with an identity branch of known BN: r0 against the class-A weights. */
  readonly identity?: {
    readonly maxRatio: number;
    /**
     * Correlation of |r0| and |W_A| over the channels; null where every |r0| is the same, as OABN can make
     * it.
     */
    readonly correlation: number | null;
    /** Mean |W_A − r0| / mean |W_A|: what the other two branches add. */
    readonly otherShare: number;
  };
}

/** One row for each quantized block. `stateDict` may be three-branch or merged; only the former knows r0. */
export function analyzeOutliers(arch: Architecture, stateDict: StateDict): OutlierRow[] {
  const isMerged = Object.keys(stateDict).some((name) => name.endsWith('.rbr_reparam.weight'));
  const merged = isMerged ? stateDict : mergeNetwork(arch, stateDict);
  return quantizedBlocks(arch).map((block) => {
    const kernel = get(merged, `${block.name}.rbr_reparam.weight`);
    const ratio = isMerged ? undefined : mergeParts(arch, stateDict, block).ratios.identity;
    return {
      block: block.name,
      ...describeKernel(kernel, block.inChannels / kernel.shape[1]!),
      ...(ratio && { identity: compareIdentity(kernel, ratio) }),
    };
  });
}

/** The distribution of one merged kernel [out, in per group, kh, kw]. */
export function describeKernel(
  { shape, data }: HostTensor<Float32Array>,
  groups = 1,
): Omit<OutlierRow, 'block' | 'identity'> {
  const n = data.length;
  const magnitudes = data.map(Math.abs).sort();
  const count = Math.max(1, Math.round(n / 1000));
  const threshold = magnitudes[n - count]!;
  const largest = [...data.keys()].filter((index) => Math.abs(data[index]!) >= threshold);
  const [outPerGroup, inPerGroup] = [shape[0]! / groups, shape[1]!];
  const taps = n / (shape[0]! * inPerGroup);
  const inClassA = largest.filter((index) => weightClass(index, inPerGroup, taps, outPerGroup) === 'A');
  return {
    weights: n,
    ...spreadOf(data, magnitudes[n - 1]!),
    classAOfLargest: inClassA.length / largest.length,
    classAOfAll: (groups * Math.min(outPerGroup, inPerGroup)) / n,
  };
}

function spreadOf(
  data: Float32Array,
  maxAbs: number,
): Pick<OutlierRow, 'maxAbs' | 'std' | 'peakToSigma' | 'kurtosis'> {
  const n = data.length;
  const mean = sum(data, (w) => w) / n;
  const variance = sum(data, (w) => (w - mean) ** 2) / n;
  // What rounding makes of equal weights is no spread; one outlier among n weights makes one of maxAbs²/n.
  if (variance <= 1e-14 * maxAbs ** 2) return { maxAbs, std: 0, peakToSigma: 0, kurtosis: 0 };
  const std = Math.sqrt(variance);
  const kurtosis = sum(data, (w) => (w - mean) ** 4) / n / variance ** 2 - 3;
  return { maxAbs, std, peakToSigma: maxAbs / std, kurtosis };
}

function compareIdentity(
  { data }: HostTensor<Float32Array>,
  ratio: Float64Array,
): NonNullable<OutlierRow['identity']> {
  const channels = ratio.length;
  const classA = ratio.map((_, i) => data[(i * channels + i) * 9 + 4]!);
  const difference = classA.map((w, i) => w - ratio[i]!);
  const magnitude = (values: Float64Array): number => sum(values, Math.abs) / channels;
  return {
    maxRatio: ratio.reduce((most, r) => Math.max(most, Math.abs(r)), 0),
    correlation: correlation(ratio.map(Math.abs), classA.map(Math.abs)),
    otherShare: magnitude(difference) / magnitude(classA),
  };
}

function correlation(x: Float64Array, y: Float64Array): number | null {
  const [mx, my] = [sum(x, (v) => v) / x.length, sum(y, (v) => v) / y.length];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((value, i) => {
    xy += (value - mx) * (y[i]! - my);
    xx += (value - mx) ** 2;
    yy += (y[i]! - my) ** 2;
  });
  // What rounding makes of equal values is no variance: the mean of n times 0.1 is not 0.1.
  const constant = (squares: number, mean: number): boolean => squares <= 1e-12 * x.length * mean ** 2;
  return constant(xx, mx) || constant(yy, my) ? null : xy / Math.sqrt(xx * yy);
}

function sum(values: Float32Array | Float64Array, of: (value: number) => number): number {
  let total = 0;
  for (const value of values) total += of(value);
  return total;
}
