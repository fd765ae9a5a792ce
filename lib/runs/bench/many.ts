/**
 * A plan of very many tiny runs from end to end, and the memory of all who take part at each tenth of the
 * way.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { QueueConnection } from '../src/queue/index.js';
import type { Site } from './site.js';
import { sleepers } from './sleepers.js';

export interface Tenth {
  readonly done: number;
  /** Since the plan. */
  readonly seconds: number;
  /** Resident memory of who plans, of the largest worker, of the largest process that computes; MiB. */
  readonly planner: number;
  readonly worker: number;
  readonly computer: number;
  /** What Redis says it uses, MiB. */
  readonly redis: number;
  /** Connections that Redis has, and commands that it has been given for each run so far. */
  readonly connections: number;
  readonly commandsPerRun: number;
}

export async function manyRuns(site: Site, runs: number, workers: number): Promise<Tenth[]> {
  const sweep = await site.openSweep(workers, 'bucket');
  const tenths: Promise<Tenth>[] = [];
  const ask = (what: string, section: string): Promise<number> => askRedis(sweep.connection, what, section);
  const commandsBefore = await ask('total_commands_processed', 'stats');
  const began = performance.now();
  const look = async (done: number): Promise<Tenth> => {
    const seconds = (performance.now() - began) / 1000;
    const pids = sweep.workers.map(({ process: child }) => child.pid!);
    const largest = (all: readonly number[]): number => Math.max(...all.map(residentMiB));
    return {
      done,
      seconds,
      planner: residentMiB(process.pid),
      worker: largest(pids),
      computer: largest(pids.flatMap(childrenOf)),
      redis: Math.round((await ask('used_memory', 'memory')) / 2 ** 20),
      connections: await ask('connected_clients', 'clients'),
      commandsPerRun: ((await ask('total_commands_processed', 'stats')) - commandsBefore) / done,
    };
  };
  await sweep.compute(sleepers('many', runs, 0), {
    onDone: (_, done) => {
      if (done % Math.ceil(runs / 10) === 0) tenths.push(look(done));
    },
  });
  const found = await Promise.all(tenths);
  await sweep.close();
  return found;
}

function residentMiB(pid: number): number {
  const kibibytes = /VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kibibytes) / 1024);
}

const childrenOf = (pid: number): number[] =>
  execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number);

/** A number that Redis tells of itself. */
async function askRedis({ redis }: QueueConnection, what: string, section: string): Promise<number> {
  return Number(new RegExp(`^${what}:(\\d+)`, 'm').exec(await redis.info(section))?.[1]);
}
