/** Workers in processes of their own, a sweep of toys, and what the local store makes of the same toys. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { configHash } from 'oabn-base';
import type { QueueJob, Requirements, WorkerOptions, WorkerReport } from '../../src/queue/index.js';
import { computeToy, networkName, type QueueToyConfig } from './toyExecutor.js';

/** The executor is that of the toys where none is named. */
export type TestWorkerOptions = Partial<WorkerOptions> &
  Pick<WorkerOptions, 'queue' | 'store' | 'cache'> & { readonly stopAtOnce?: boolean };

export interface TestWorker {
  readonly process: ChildProcess;
  readonly notices: readonly string[];
  /** What it said at its end: a report, or why it could not go on; undefined if it was killed. */
  readonly end: Promise<{ report?: WorkerReport; error?: string } | undefined>;
  /** Resolves when a notice matches. */
  says(pattern: RegExp): Promise<void>;
}

/** Begins a worker; in a network namespace, if one is named. */
export function startWorker(
  options: TestWorkerOptions,
  {
    namespace,
    environment = {},
  }: { namespace?: string; environment?: Readonly<Record<string, string>> } = {},
): TestWorker {
  const script = fileURLToPath(new URL('workerMain.ts', import.meta.url));
  const node = [
    process.execPath,
    '--conditions=oabn-source',
    '--import',
    'tsx',
    script,
    JSON.stringify(options),
  ];
  const [program, ...args] = namespace === undefined ? node : ['ip', 'netns', 'exec', namespace, ...node];
  const child = spawn(program!, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const notices: string[] = [];
  let last: { report?: WorkerReport; error?: string } | undefined;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const said = JSON.parse(line) as { notice?: string; report?: WorkerReport; error?: string };
    if (said.notice === undefined) last = said;
    else notices.push(said.notice);
  });
  const end = once(child, 'close').then(() => last);
  return {
    process: child,
    notices,
    end,
    async says(pattern) {
      for (let i = 0; i < 2400; i++) {
        if (notices.some((each) => pattern.test(each))) return;
        await sleep(50);
      }
      throw new Error(`No notice like ${pattern} in ${JSON.stringify(notices)}`);
    },
  };
}

/** A toy as a job. */
export function toyJob(
  config: QueueToyConfig,
  { requirements = {}, affinity = [] }: { requirements?: Requirements; affinity?: readonly string[] } = {},
): QueueJob<QueueToyConfig> {
  const needs = config.from === undefined ? [] : [config.from];
  return { hash: configHash(config), title: config.toy, config, needs, requirements, affinity };
}

/** Networks, and runs that start from each of them. */
export function toySweep(
  networks: number,
  each: number,
  more: Partial<QueueToyConfig> = {},
): QueueJob<QueueToyConfig>[] {
  return Array.from({ length: networks }, (_, i) => {
    const affinity = [`network ${i}`];
    const network = toyJob({ toy: `network ${i}`, steps: 60, size: 16, every: 5, ...more }, { affinity });
    const quantized = Array.from({ length: each }, (__, j) =>
      toyJob(
        { toy: `quantized ${i} ${j}`, steps: 10, size: 16, every: 5, ...more, from: network.hash },
        { affinity },
      ),
    );
    return [network, ...quantized];
  }).flat();
}

/** What is the same however a run was computed: result, metrics and network, byte for byte. */
export async function bytesOf(runs: string, hash: string): Promise<string> {
  const read = (name: string): Promise<string> => readFile(join(runs, hash, name), 'hex');
  const { result, config } = JSON.parse(await readFile(join(runs, hash, 'result.json'), 'utf8')) as {
    result: unknown;
    config: unknown;
  };
  return JSON.stringify([config, result, await read('metrics.jsonl'), await read(networkName)]);
}

/**
 * Computes `jobs` in this process, in the local store at `runs`, and compares what is in `collected` with it.
 */
export async function assertSameAsLocal(
  jobs: readonly QueueJob<QueueToyConfig>[],
  collected: string,
  runs: string,
): Promise<void> {
  for (const { hash, config, title } of jobs) {
    // How fast it goes and where it is noted is part of the configuration, not of what is computed.
    await computeToy(runs, config, {}, true);
    assert.equal(await bytesOf(collected, hash), await bytesOf(runs, hash), title);
  }
}
