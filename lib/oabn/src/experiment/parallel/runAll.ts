/**
 * Many runs, several at a time. A small network's steps leave cores idle where they wait for each other; as
 * many processes as cores, each with a thread of its own, keep them busy. The results are what one process
 * would compute.
 */
import { availableParallelism, totalmem } from 'node:os';
import type { Progress } from 'oabn-base';
import type { StoredRun } from 'provable-runs';
import { type PoolJob, runJobs } from 'provable-runs/local';
import { threadsAsked } from 'tfjs-native';
import type { Job } from '../job.js';
import {
  describeConfig,
  hashOf,
  kindOf,
  normalizeConfig,
  type ResultOf,
  type RunConfig,
  sourceOf,
} from '../kinds/index.js';
import type { Lab } from '../lab.js';
import { run } from '../run.js';
import { crewOf, labsOf, type Task } from './crew.js';

/** How many processes compute, and what is reported about them. */
export interface RunAllOptions {
  /** Processes; default `defaultWorkers`. 1 computes in this one. */
  readonly workers?: number;
  /** Called as the work proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called after each run that was computed, with how many of how many are done. */
  readonly onComputed?: (config: RunConfig, done: number, total: number) => void;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice?: (message: string) => void;
}

/** Memory, in GiB, that a process with both datasets and a small network's step is given. */
export const gibibytesOfRun = 2;

/**
 * As many as there are cores (each with `OABN_THREADS` of them, if that is set) and as memory holds, where
 * steps run on the CPU; one where a GPU or a library with threads of its own does the work.
 */
export function defaultWorkers(labs: readonly Lab[]): number {
  const onCores = labs.every(({ engine, backend }) => engine.kind === 'onnxruntime' || backend === 'wasm');
  if (!onCores) return 1;
  const byCores = availableParallelism() / (threadsAsked() ?? 1);
  const byMemory = totalmem() / 2 ** 30 / gibibytesOfRun;
  return Math.max(1, Math.floor(Math.min(byCores, byMemory)));
}

/**
 * The runs of `jobs`, in their order, computing what the store does not have.
 * @throws UserError when a run fails as `run` does, or a worker is killed; the reason of a lab's signal when
 * that fires, which ends every process between two steps. What is done stays.
 */
export async function runAll(
  jobs: readonly Job[],
  { workers, onComputed, ...options }: RunAllOptions = {},
): Promise<StoredRun<ResultOf<RunConfig>, RunConfig>[]> {
  const labs = labsOf(jobs);
  return await runJobs(poolJobs(jobs), {
    ...options,
    workers: workers ?? defaultWorkers(labs),
    storeOf: ({ lab }) => lab.store,
    request: ({ lab, config }) => run(lab, config),
    crew: crewOf(labs),
    ...(onComputed && { onComputed: ({ config }, done, total) => onComputed(config, done, total) }),
  });
}

/**
 * Jobs as a pool of workers needs to know them: networks before the runs that start from them, equal
 * functions together.
 */
export function poolJobs(jobs: readonly Job[]): (Job & PoolJob<Task>)[] {
  const labs = labsOf(jobs);
  return jobs.map(({ lab, config, priority }) => {
    const source = sourceOf(config);
    return {
      ...(priority !== undefined && { priority }),
      ...{ lab, config, hash: hashOf(config), key: kindOf(config).compiledKey(normalizeConfig(config)) },
      title: describeConfig(config),
      ...(source?.kind === 'pretrain' && { needs: [hashOf(source)] }),
      task: { kind: 'run', lab: labs.indexOf(lab), config },
    };
  });
}
