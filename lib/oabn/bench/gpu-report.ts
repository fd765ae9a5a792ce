/**
 * What `bench/gpu-step.ts` makes of its measurements: medians with their spread, shares of the peak,
 * provenance.
 */
import { execFile } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

/** How an engine multiplies: what its product of large matrices is a peak of. */
export type Precision = 'float32' | 'tf32' | 'float16';

export interface EngineReport {
  readonly name: string;
  readonly precision: Precision;
  /** Why it was not measured at all. */
  readonly unavailable?: string;
  readonly device?: string;
  readonly software?: boolean;
  readonly versions?: Readonly<Record<string, unknown>>;
  /** TFLOP/s of its own product of large matrices. */
  readonly gemm?: number;
}

export interface Measurement {
  readonly kind: string;
  readonly width: number;
  readonly batch: number;
  readonly engine: string;
  /** A step's milliseconds in each round; none when it failed. */
  readonly rounds: readonly number[];
  /**
   * Of the third step; null when it is no finite number. Our engines begin at the same weights and images.
   */
  readonly thirdLoss?: number | null;
  readonly error?: string;
  readonly imagesPerSecond?: number;
  /** 6 × multiply–accumulates of one forward pass. */
  readonly tflops?: number;
  /** Of the best product of large matrices in the same precision, in this run on this card. */
  readonly shareOfPeak?: number;
}

/** The middle of an odd number of values, the mean of the two middle ones of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length === 0
    ? Number.NaN
    : (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** (largest − smallest) / median. */
export const spread = (values: readonly number[]): number =>
  (Math.max(...values) - Math.min(...values)) / median(values);

/** By precision, the largest TFLOP/s that any engine reached. */
export function peaks(engines: readonly EngineReport[]): Partial<Record<Precision, number>> {
  const best: Partial<Record<Precision, number>> = {};
  for (const { precision, gemm } of engines) {
    if (gemm !== undefined) best[precision] = Math.max(best[precision] ?? 0, gemm);
  }
  return best;
}

/** Rates of a measurement whose forward pass has `macs` multiply–accumulates for one image. */
export function rates(
  rounds: readonly number[],
  batch: number,
  macs: number,
  peak: number | undefined,
): Pick<Measurement, 'imagesPerSecond' | 'tflops' | 'shareOfPeak'> {
  if (rounds.length === 0) return {};
  const seconds = median(rounds) / 1000;
  const tflops = (6 * macs * batch) / seconds / 1e12;
  return {
    imagesPerSecond: batch / seconds,
    tflops,
    ...(peak !== undefined && { shareOfPeak: tflops / peak }),
  };
}

/**
 * What is wrong with the losses: one that is no number, or one of ours far from the others after the same
 * steps.
 */
export function wrongLosses(measurements: readonly Measurement[]): string[] {
  const known = measurements.filter(({ thirdLoss }) => thirdLoss !== undefined);
  const ours = known.filter(({ engine }) => !engine.startsWith('pytorch'));
  const usual = median(ours.map(({ thirdLoss }) => thirdLoss ?? Number.NaN).filter(Number.isFinite));
  return known
    .filter(
      ({ thirdLoss, engine }) =>
        thirdLoss === null ||
        (!engine.startsWith('pytorch') && Math.abs(thirdLoss! - usual) > lossTolerance * usual),
    )
    .map(
      ({ engine, kind, batch, thirdLoss }) =>
        `${engine}, ${kind}, batch ${batch}: the third loss is ${thirdLoss}, that of our engines ${usual.toFixed(3)}`,
    );
}

/** Three steps of half precision, or in another order of sums, move a loss less than this. */
const lossTolerance = 0.05;

/**
 * Lines for a terminal: a row for each measurement, each engine's speed as a multiple of that of `against`.
 */
export function tableOf(measurements: readonly Measurement[], against: string): string[] {
  const lines = [
    `${'step'.padEnd(9)}${'width'.padStart(6)}${'batch'.padStart(7)}  ${'engine'.padEnd(16)}${'img/s'.padStart(10)}` +
      `${'ms'.padStart(9)}${'spread'.padStart(8)}${'TFLOP/s'.padStart(9)}${'of peak'.padStart(9)}  vs ${against}`,
  ];
  for (const row of measurements) {
    const { kind, width, batch, engine, rounds, error, imagesPerSecond, tflops, shareOfPeak } = row;
    const head = `${kind.padEnd(9)}${String(width).padStart(6)}${String(batch).padStart(7)}  ${engine.padEnd(16)}`;
    if (imagesPerSecond === undefined) {
      lines.push(`${head}not measured: ${error}`);
      continue;
    }
    const peer = measurements.find(
      (other) =>
        other.engine === against && other.kind === kind && other.width === width && other.batch === batch,
    );
    const ratio =
      peer?.imagesPerSecond === undefined ? '–' : `${(imagesPerSecond / peer.imagesPerSecond).toFixed(2)}×`;
    lines.push(
      `${head}${imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0).padStart(10)}` +
        `${median(rounds).toFixed(2).padStart(9)}${`${(100 * spread(rounds)).toFixed(0)}%`.padStart(8)}` +
        `${tflops!.toFixed(tflops! < 1 ? 4 : 1).padStart(9)}` +
        `${(shareOfPeak === undefined ? '–' : `${(100 * shareOfPeak).toFixed(1)}%`).padStart(9)}  ${ratio}`,
    );
  }
  return lines;
}

/** A file name's part: `NVIDIA H100 80GB HBM3` → `nvidia-h100-80gb-hbm3`. */
export const slug = (device: string): string =>
  device
    .toLowerCase()
    .replace(/\(.*?\)/g, ' ')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** What numbers are worth nothing without: machine, driver, code, command. */
export async function provenance(): Promise<Record<string, unknown>> {
  const printed = async (command: string, ...args: string[]): Promise<string | undefined> =>
    promisify(execFile)(command, args).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );
  const query = 'name,driver_version,power.limit,clocks.max.sm,memory.total';
  return {
    date: new Date().toISOString(),
    command: ['lib/oabn/bench/gpu-step.ts', ...process.argv.slice(2)].join(' '),
    commit: await printed('git', 'rev-parse', 'HEAD'),
    modified: ((await printed('git', 'status', '--porcelain', '--untracked-files=no')) ?? '') !== '',
    node: process.version,
    system: `${process.platform} ${release()} ${process.arch}`,
    cpu: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    nvidia: await printed('nvidia-smi', `--query-gpu=${query}`, '--format=csv,noheader'),
  };
}
