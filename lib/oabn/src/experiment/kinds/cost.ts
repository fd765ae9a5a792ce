/** What runs cost, measured by taking a few steps or iterations in the way that a run does. */
import type { RunContext } from 'provable-runs';
import type { DataConfig } from '../settings.js';
import type { Work } from './work.js';

/** What a kind of run says about its cost. */
export interface RunCost<Config> {
  /** What the time of a run depends on, besides its network and data. */
  key(config: Config): object;
  /** Training steps where there are `available` training images; 0 where nothing is trained. */
  steps(config: Config, available: number): number;
  /**
   * Times a part of a run. `few` says which test images to evaluate on, where the run cannot be stopped
   * before that.
   */
  probe(work: Work<Config>, few: DataConfig & { readonly testImages: number }): Promise<CostProbe>;
}

/** What a few steps of a run cost, from which its whole time is estimated. */
export interface CostProbe {
  /** Seconds of a training step. */
  readonly perStep: number;
  /** Seconds before the first step is done: reading, calibrating, compiling. */
  readonly setUp: number;
  /** Seconds of what follows the steps, or of the whole run where there are none, with `evaluated` images. */
  readonly rest: number;
  /** Test images on which it was evaluated in `rest`. */
  readonly evaluated: number;
}

/** Steps that are timed, after those that compile and fill the pipeline. */
const [warmUp, timed] = [3, 8];

/** Takes a few steps of a run that trains, and stops it. */
export async function timeSteps<Config>(
  work: Work<Config>,
  execute: (work: Work<Config>) => Promise<unknown>,
): Promise<CostProbe> {
  const marks: number[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  const tick = (): void => {
    marks.push(performance.now());
    if (marks.length === warmUp + timed) controller.abort();
  };
  const context: RunContext = { ...work.context, progress: tick, signal };
  const began = performance.now();
  try {
    await execute({ ...work, context });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  // A run of fewer steps than are timed is over before it is stopped.
  const first = marks.length > warmUp ? warmUp - 1 : 0;
  const perStep = (marks.at(-1)! - marks[first]!) / Math.max(1, marks.length - 1 - first) / 1000;
  return { perStep, setUp: (marks[0]! - began) / 1000, rest: 0, evaluated: 0 };
}

/**
 * Iterations, for each unit, of methods that learn: their difference is the cost of one, without compilation.
 */
const timedIterations = [10, 60] as const;

/**
 * Seconds of a run of `iterations`: computed from two short runs if it has many more, else measured on the
 * run itself.
 */
export async function secondsOfIterations(
  iterations: number | undefined,
  execute: (iterations: number | undefined) => Promise<unknown>,
): Promise<number> {
  const [few, more] = timedIterations;
  if (iterations === undefined || iterations <= more) return await secondsOf(() => execute(iterations));
  const begin = await secondsOf(() => execute(few));
  const both = await secondsOf(() => execute(more));
  return begin + (Math.max(0, both - begin) / (more - few)) * (iterations - few);
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
