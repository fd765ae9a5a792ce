/**
 * Mutated files against a reader: a `UserError` or a result, soon, and of a size that the file can account
 * for.
 */
import { UserError } from 'oabn-base';
import { mutate, randomNumbers } from './mutate.js';
import type { Target } from './targets.js';

export interface FuzzResult {
  readonly read: number;
  readonly refused: number;
  /** What went wrong, with the seed that makes it again. */
  readonly failures: readonly string[];
  /** Milliseconds of processor time: how long a file takes on a busy machine says nothing about the reader. */
  readonly slowest: number;
}

/** Milliseconds of processor time that one file of these sizes may take. */
const patience = 20_000;
/**
 * Bytes of result for each byte of file, beside what any file may take: float64 kernels and shared storage.
 */
const [growth, allowance] = [64, 1 << 20];
const mostFailures = 5;

/** `count` mutations of a target's files from `seed` on. */
export function fuzz({ name, originals, read }: Target, count: number, seed: number): FuzzResult {
  const failures: string[] = [];
  let [accepted, refused, slowest] = [0, 0, 0];
  for (let i = 0; i < count && failures.length < mostFailures; i++) {
    const random = randomNumbers(seed + i);
    const bytes = mutate(originals[random(originals.length)]!, random);
    const began = process.cpuUsage();
    const fail = (why: string): void => void failures.push(`${name}, seed ${seed + i}: ${why}`);
    try {
      const size = read(bytes);
      accepted++;
      if (size > growth * bytes.length + allowance) fail(`${size} bytes out of a file of ${bytes.length}`);
    } catch (error) {
      refused++;
      if (!(error instanceof UserError)) fail((error as Error).stack ?? String(error));
    }
    const { user, system } = process.cpuUsage(began);
    const took = (user + system) / 1000;
    slowest = Math.max(slowest, took);
    if (took > patience) fail(`${took.toFixed(0)} ms`);
  }
  return { read: accepted, refused, failures, slowest };
}
