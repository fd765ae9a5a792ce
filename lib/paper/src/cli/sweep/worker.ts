/** `oabn worker`: takes runs that this machine can do from the queue, until it is told to stop. */
import { availableParallelism, totalmem } from 'node:os';
import { extname, resolve } from 'node:path';
import type { Command } from 'commander';
import { UserError } from 'oabn-base';
import { cacheFolder, type DatasetName, datasetNames, openDataset } from 'oabn/data';
import { dataLocation, dataOption, exitUnfinished, millisecondsOf, wholeNumber } from 'oabn/cli';
import { gibibytesOfRun, threadsEach } from 'oabn/experiment';
import { runWorker } from 'provable-runs/queue';
import { threadsAsked, useBackend } from 'tfjs-native';
import { dataName, holdsFunctions, programVersion } from './jobs.js';
import { jobsOption } from '../options.js';
import { queueOption, storeOption, type SweepOptions } from './options.js';

interface WorkerCommand extends SweepOptions {
  readonly jobs?: string;
  readonly minutes?: string;
  readonly data?: string;
  readonly cache?: string;
  readonly cacheGib: string;
  readonly trust?: boolean;
  readonly untilEmpty?: boolean;
}

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description(
      'compute runs from a queue, as many at a time as this machine can, and put the results into a store',
    )
    .addOption(queueOption().makeOptionMandatory())
    .addOption(storeOption().makeOptionMandatory())
    .addOption(jobsOption)
    .option(
      '--minutes <n>',
      'end after this many minutes, with checkpoints written and runs given back; exit code 75 if runs are left',
    )
    .option('--until-empty', 'end when nothing in the plan is left to do, instead of waiting for more')
    .addOption(dataOption)
    .option(
      '--cache <folder>',
      'folder for runs in progress and copies of networks and data; default in OABN_CACHE_DIR',
    )
    .option('--cache-gib <n>', 'size limit of the copies of runs', '20')
    .option(
      '--trust',
      'also compute runs whose configuration contains functions, which are code by whoever planned them',
    )
    .addHelpText(
      'after',
      `
Ctrl-C or SIGTERM writes the checkpoints and gives the runs back. A worker takes only runs that were planned by its own
version of the program, says what it leaves to others, and fetches data that it does not have from the store, once.

Example:
  $ oabn worker --queue redis://head:6379 --store s3://sweeps/oabn --jobs 2`,
    )
    .action(async (options: WorkerCommand) => {
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
      const milliseconds = millisecondsOf(options.minutes);
      if (milliseconds !== undefined) setTimeout(() => stop.abort(), milliseconds).unref();
      const notice = (message: string): void => void process.stderr.write(`${message}\n`);
      const { name: backend } = await useBackend(undefined, notice);
      const jobs = options.jobs === undefined ? defaultJobs(backend) : wholeNumber('--jobs', options.jobs);
      const { data } = dataLocation(options.data);
      notice(`${programVersion()} on ${backend}, ${jobs} run${jobs === 1 ? '' : 's'} at a time`);
      const report = await runWorker({
        queue: options.queue!,
        store: options.store!,
        executor: new URL(`executor${extname(import.meta.url)}`, import.meta.url),
        cache: resolve(options.cache ?? `${cacheFolder()}/worker`),
        cacheGiB: wholeNumber('--cache-gib', options.cacheGib),
        jobs,
        version: programVersion(),
        backends: [backend],
        hasData: localData(data),
        holdsCode: holdsFunctions,
        ...(options.trust && { trust: true }),
        ...(options.untilEmpty && { untilEmpty: true }),
        environment: {
          OABN_BACKEND: backend,
          OABN_THREADS: String(threadsEach(jobs)),
          ...(data !== undefined && { OABN_DATA_DIR: resolve(data) }),
          // Only jobs of trusted classes come here with functions.
          ...(options.trust && { OABN_TRUST: '1' }),
        },
        stop: stop.signal,
        notice,
      });
      const { computed, failed, givenBack, left } = report;
      const leftText =
        left === undefined ? 'the queue does not say what is left' : `${left} left in the queue`;
      notice(`${computed} runs computed, ${failed} failed, ${givenBack} given back, ${leftText}`);
      // A queue that is away may still have some, so it is better to ask again than to give up.
      if (stop.signal.aborted && (left !== 0 || givenBack > 0)) process.exitCode = exitUnfinished;
    });
}

/** As many as cores and memory allow, where runs are computed on the CPU. */
function defaultJobs(backend: string): number {
  if (backend !== 'wasm') return 1;
  const cores = availableParallelism() / (threadsAsked() ?? 1);
  return Math.max(1, Math.floor(Math.min(cores, totalmem() / 2 ** 30 / gibibytesOfRun)));
}

/**
 * Whether a dataset, given by its name in a store, is in this machine's data folder, which is opened once,
 * when first asked.
 */
function localData(data: string | undefined): (name: string) => Promise<boolean> {
  const known = new Map<DatasetName, Promise<string | undefined>>();
  const nameHere = async (name: DatasetName): Promise<string | undefined> => {
    try {
      const { provenance, name: opened } = await openDataset({
        name,
        download: false,
        warn: () => undefined,
        ...(data !== undefined && { data }),
      });
      return dataName({ name: opened, checksum: provenance.checksum });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return undefined;
    }
  };
  return async (asked) => {
    const name = datasetNames.find((each) => asked.startsWith(`${each}-`));
    if (name === undefined) return false;
    if (!known.has(name)) known.set(name, nameHere(name));
    return (await known.get(name)) === asked;
  };
}
