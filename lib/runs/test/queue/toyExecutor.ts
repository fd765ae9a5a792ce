/**
 * What the workers of the tests compute: the store's toy, in which a single lost or repeated step changes
 * everything after, once as it is and once as it depends on other runs; one that blocks its process; and some
 * that go wrong.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check, sha256 } from 'oabn-base';
import { type CreateExecutor, type Executor } from '../../src/queue/index.js';
import { openStore, type RunContext } from '../../src/store/index.js';
import { type ToyConfig, toyRun } from '../store/storeToy.js';

export interface QueueToyConfig extends ToyConfig {
  /**
   * Pause in each step, up to the first interruption or until there is a file `hurry`: what was waited for is
   * then done at once, and a slow machine has all the time that it needs before.
   */
  readonly milliseconds?: number;
  readonly hurry?: string;
  /** Seconds in which the process does not come to anything else. */
  readonly block?: number;
  readonly then?: 'fail' | 'kill' | 'fullDisk' | 'noProgram';
  /** Hash of the run whose network it starts from. */
  readonly from?: string;
  /** A file that its executions are noted in, a line each. */
  readonly log?: string;
}

export const networkName = 'network.bin';

/**
 * Computes a toy in the local store at `runs`, as a queue's worker and as the local pool do, without its
 * pauses if told so.
 */
export async function computeToy(
  runs: string,
  config: QueueToyConfig,
  context: Partial<Pick<Parameters<Executor>[1], 'progress' | 'signal'>> = {},
  hurry = false,
) {
  const store = openStore(runs, { notice: () => undefined });
  return await store.request(
    config,
    (run) => execute(run, runs, hurry || run.resumed !== undefined),
    context,
  );
}

async function execute(run: RunContext<QueueToyConfig>, runs: string, hurry: boolean) {
  const { milliseconds = 0, hurry: file, block, then, from, log } = run.config;
  if (log !== undefined) {
    await writeFile(log, `${process.pid} ${run.resumed?.step ?? 0} ${JSON.stringify(run.config)}\n`, {
      flag: 'a',
    });
  }
  if (then === 'fail') throw new Error('the toy broke');
  if (then === 'kill') process.kill(process.pid, 'SIGKILL');
  if (then === 'fullDisk') throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  if (then === 'noProgram') throw spawnSync(join(run.folder, 'config.json')).error!;
  if (block !== undefined) {
    const end = Date.now() + 1000 * block;
    while (Date.now() < end);
  }
  const start = from === undefined ? '' : sha256(await readFile(join(runs, from, networkName)));
  const inHurry = (): boolean => hurry || (file !== undefined && existsSync(file));
  const result = await toyRun(run, () => (inHurry() ? 0 : milliseconds));
  const network = `${start} ${result.digest}`;
  await writeFile(join(run.folder, networkName), network);
  return { ...result, network: sha256(network) };
}

export const createExecutor: CreateExecutor = ({ runs }) => {
  return async (job, context) => {
    const { data } = job.requirements;
    if (data !== undefined) {
      check(context.data, `The data set ${data} was not fetched`);
      check((await readFile(join(context.data, 'images.bin'), 'utf8')) === 'images', 'The data set is wrong');
    }
    return await computeToy(runs, job.config as QueueToyConfig, context);
  };
};
