/**
 * `--minutes`: a job that ends between two steps when its time is over, reports what is left, and continues
 * when asked again.
 */
import { Option } from 'commander';
import { check, formatDuration } from 'oabn-base';
import { type Job, progressOf } from '../experiment/index.js';

/** sysexits.h's EX_TEMPFAIL: nothing is wrong, ask again. */
export const exitUnfinished = 75;

/** `--minutes`: the time after which a command stops with a checkpoint. */
export const minutesOption = new Option(
  '--minutes <n>',
  'stop between two steps after this many minutes, with exit code 75; run again, it continues',
);

/**
 * The milliseconds in `minutes`; undefined where none are given. @throws UserError unless it is a number
 * above 0
 */
export function millisecondsOf(minutes: string | undefined): number | undefined {
  if (minutes === undefined) return undefined;
  const value = Number(minutes);
  check(value > 0 && value < 35_000, `--minutes must be a number above 0 and below 35000, got ${minutes}`);
  return value * 60_000;
}

/** The error with which a deadline ends a run, like that of `AbortSignal.timeout`. */
export const timeIsOver = (): DOMException => new DOMException('The time is over', 'TimeoutError');

/** True for what is thrown when a deadline ends a run. */
const isDeadline = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError';

/**
 * The result of `work`; undefined when the deadline ends it, after saying what is left of `plan` and how to
 * continue.
 */
export async function untilDeadline<T>(
  work: () => Promise<T>,
  plan: readonly Job[],
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<T | undefined> {
  const began = performance.now();
  try {
    return await work();
  } catch (error) {
    if (!isDeadline(error)) throw error;
    const { done, begun, left } = await progressOf(plan);
    say(
      `Time is up after ${formatDuration((performance.now() - began) / 1000)}: ${done} of ${plan.length} runs ` +
        `are done, ${begun} begun, ${left} not begun. The same command continues where this one stopped.`,
    );
    process.exitCode = exitUnfinished;
    return undefined;
  }
}
