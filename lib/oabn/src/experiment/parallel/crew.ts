/** Worker processes that compute runs, or estimate them, in labs opened as ours are. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Crew } from 'provable-runs/local';
import { threadsAsked } from 'tfjs-native';
import type { RunConfig } from '../kinds/index.js';
import type { Job } from '../job.js';
import { type Lab, type LabOpening, stopSignal } from '../lab.js';

/** What a worker is asked to do, with labs by their place in its setup. */
export type Task =
  | ({ readonly kind: 'run' } & NumberedJob)
  | { readonly kind: 'estimate'; readonly jobs: readonly NumberedJob[] };

/** A job whose lab is one of those that were opened, by its place. */
export interface NumberedJob {
  readonly lab: number;
  readonly config: RunConfig;
}

/** The labs of `jobs`, each once, in their order. */
export const labsOf = (jobs: readonly Job[]): readonly Lab[] => [...new Set(jobs.map(({ lab }) => lab))];

/** Workers that open `labs`. */
export function crewOf(labs: readonly Lab[]): Crew<readonly LabOpening[]> {
  return {
    // Next to this file, compiled or not as this one is.
    module: new URL(`worker${extname(import.meta.url)}`, import.meta.url),
    setup: labs.map(({ opening }) => opening),
    // The backend by its name: what `auto` has to report was reported here.
    environment: (workers) => ({
      OABN_BACKEND: labs[0]!.backend,
      OABN_THREADS: String(threadsEach(workers)),
    }),
    signals: [...new Set(labs.flatMap((lab) => stopSignal(lab) ?? []))],
  };
}

/** Threads of each of `workers` processes: `OABN_THREADS`, or its share of the cores. */
export function threadsEach(workers: number): number {
  return threadsAsked() ?? Math.max(1, Math.floor(availableParallelism() / workers));
}
