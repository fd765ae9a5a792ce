/**
 * Compares kernels feature by feature and prints the table of the package's README:
 *
 *     node --conditions=oabn-source --import tsx lib/notebook/scripts/features/features.ts \
 *       --deno <deno> --python <python with ipykernel> --tslab <tslab> [--only <word>] [--latency]
 *
 * Kernels that are not named are left out. With `--latency` it measures start, first completion and a trivial
 * cell too.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Message } from '../../src/protocol/message.js';
import { startKernelSession } from '../../src/run/index.js';
import { probes } from './probes.js';
import { type Probe, type Subject, type Tried, within } from './tried.js';

const { values } = parseArgs({
  options: {
    deno: { type: 'string' },
    python: { type: 'string' },
    tslab: { type: 'string' },
    only: { type: 'string' },
    latency: { type: 'boolean', default: false },
  },
});

const subjects: Subject[] = [{ name: 'this kernel', language: 'typescript', interruptBy: 'message' }];
if (values.deno) {
  const command = (file: string): string[] => [values.deno!, 'jupyter', '--kernel', '--conn', file];
  subjects.push({ name: 'Deno', command, language: 'typescript', interruptBy: 'message' });
}
if (values.python) {
  const command = (file: string): string[] => [values.python!, '-m', 'ipykernel_launcher', '-f', file];
  subjects.push({ name: 'ipykernel', command, language: 'python', interruptBy: 'signal' });
}
if (values.tslab) {
  const command = (file: string): string[] => [values.tslab!, 'kernel', '--config-path', file];
  subjects.push({ name: 'tslab', command, language: 'typescript', interruptBy: 'signal' });
}

/** A fresh kernel in a folder of its own, and how to end it. What it keeps between starts goes into `data`. */
async function startKernel(
  subject: Subject,
  data?: string,
): Promise<{ kernel: Tried; end(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'kernel-features-'));
  const heard: Message[] = [];
  const session = await startKernelSession({
    folder,
    env: { JUPYTER_DATA_DIR: data ?? join(folder, 'data'), IPYTHONDIR: join(folder, 'ipython') },
    startTimeout: 90,
    ...(subject.command && { command: subject.command }),
    onMessage: (message) => heard.push(message),
  });
  return {
    kernel: { subject, session, folder, heard },
    async end() {
      await session.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The signs of all features for one kernel: a process serves probes until one of them fails or leaves it
 * busy.
 */
async function signsOf(subject: Subject, wanted: readonly Probe[]): Promise<string[]> {
  const signs: string[] = [];
  let running: Awaited<ReturnType<typeof startKernel>> | undefined;
  for (const { has, leavesBusy } of wanted) {
    let found: boolean | undefined = false;
    // What fails is tried once more in a fresh kernel, which the features before have not touched.
    for (let attempt = 0; attempt < 2 && found === false; attempt++) {
      if (attempt > 0) await running?.end();
      if (attempt > 0) running = undefined;
      running ??= await startKernel(subject);
      await sleep(300); // tslab turns away what follows an error at once
      found = await within(has(running.kernel), 120_000).catch(() => false);
    }
    signs.push(found === undefined ? '–' : found ? '●' : '○');
    if (found !== false && !leavesBusy) continue;
    await running?.end();
    running = undefined;
  }
  await running?.end();
  return signs;
}

/**
 * Medians of milliseconds: until the first answer, the first completion after it, both together, and a cell
 * `1 + 1`. A first start is not counted, after which each kernel has its caches.
 */
async function latencies(subject: Subject): Promise<string[]> {
  const data = await mkdtemp(join(tmpdir(), 'kernel-features-data-'));
  const rounds: number[][] = [];
  for (let round = 0; round < 6; round++) {
    const began = performance.now();
    const { kernel, end } = await startKernel(subject, data);
    const { session } = kernel;
    const start = performance.now() - began;
    const code = subject.language === 'typescript' ? 'Math.flo' : 'prin';
    const first = await timed(() => session.complete(code));
    await session.execute('1 + 1');
    const cells: number[] = [];
    for (let i = 0; i < 20; i++) cells.push(await timed(() => session.execute('1 + 1')));
    if (round > 0) rounds.push([start, first, start + first, median(cells)]);
    else await sleep(2000);
    await end();
  }
  await rm(data, { recursive: true, force: true });
  return [0, 1, 2, 3].map((i) => `${median(rounds.map((round) => round[i]!)).toFixed(0)} ms`);
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

async function timed(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

const row = (cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);
row(['', ...subjects.map(({ name }) => name)]);
row(['---', ...subjects.map(() => ':---:')]);
const wanted = probes.filter(({ feature }) => feature.includes(values.only ?? ''));
// Side by side, as most of the time goes by waiting for answers that never come.
const columns = await Promise.all(subjects.map((subject) => signsOf(subject, wanted)));
for (const [i, { feature }] of wanted.entries()) row([feature, ...columns.map((signs) => signs[i]!)]);
if (values.latency) {
  const all: string[][] = [];
  for (const subject of subjects) all.push(await latencies(subject));
  for (const [i, what] of ['start', 'first completion', 'both', 'a trivial cell'].entries())
    row([what, ...all.map((each) => each[i]!)]);
}
process.exit();
