/**
 * Compares kernels feature by feature and prints the table of the package's README; with `--write` it puts the
 * table in its place there:
 *
 *     node --conditions=oabn-source --import tsx lib/notebook/scripts/features/features.ts \
 *       --deno <deno> --python <python with ipykernel> --tslab <tslab> [--only <word>] [--latency] [--write]
 *
 * Kernels that are not named are left out. With `--latency` it measures start, first completion and a trivial
 * cell too. It takes about ten minutes on an idle machine; on a busy one answers come too late, and the table
 * is wrong. So `--write` wants all four kernels, all features, and every one of ours to be seen.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { check, replaceSection, writeFileAtomic } from 'oabn-base';
import { format, resolveConfig } from 'prettier';
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
    write: { type: 'boolean', default: false },
  },
});

/** The version that a program prints, so that one which does not run is found before ten minutes of probes. */
const versionOf = (program: string, ...args: string[]): string =>
  /\d+\.\d+\.\d+\S*/.exec(execFileSync(program, args, { encoding: 'utf8' }))![0];

const subjects: Subject[] = [{ name: 'this kernel', language: 'typescript', interruptBy: 'message' }];
const versions: string[] = [];
if (values.deno) {
  const command = (file: string): string[] => [values.deno!, 'jupyter', '--kernel', '--conn', file];
  versions.push(`Deno ${versionOf(values.deno, '--version')}`);
  subjects.push({ name: 'Deno', command, language: 'typescript', interruptBy: 'message' });
}
if (values.python) {
  const command = (file: string): string[] => [values.python!, '-m', 'ipykernel_launcher', '-f', file];
  const ask = 'import ipykernel; print(ipykernel.__version__)';
  versions.push(`ipykernel ${versionOf(values.python, '-c', ask)}`);
  subjects.push({ name: 'ipykernel', command, language: 'python', interruptBy: 'signal' });
}
if (values.tslab) {
  const command = (file: string): string[] => [values.tslab!, 'kernel', '--config-path', file];
  versions.push(`tslab ${versionOf(values.tslab, '--version')}`);
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
      // Not starting says nothing about a feature, so a second failure ends the comparison.
      running ??= await startKernel(subject).catch(() => startKernel(subject));
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

const lineOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Puts `text` between the marks in the package's README, as Prettier has it. */
async function writeSection(text: string): Promise<void> {
  const path = new URL('../../README.md', import.meta.url).pathname;
  const whole = replaceSection(readFileSync(path, 'utf8'), 'features', text);
  await writeFileAtomic(path, await format(whole, { ...(await resolveConfig(path)), filepath: path }));
}

check(
  !values.write || (subjects.length === 4 && values.only === undefined),
  '--write takes the whole table: name --deno, --python and --tslab, and no --only',
);
const wanted = probes.filter(({ feature }) => feature.includes(values.only ?? ''));
// Side by side, as most of the time goes by waiting for answers that never come.
const columns = await Promise.all(subjects.map((subject) => signsOf(subject, wanted)));
const table = [
  lineOf(['', ...subjects.map(({ name }) => name)]),
  lineOf(['---', ...subjects.map(() => ':---:')]),
  ...wanted.map(({ feature }, i) => lineOf([feature, ...columns.map((signs) => signs[i]!)])),
].join('\n');
console.log(table);
if (values.write) {
  const missing = wanted.filter((_, i) => columns[0]![i] !== '●').map(({ feature }) => feature);
  check(
    missing.length === 0,
    `This kernel is not seen to have: ${missing.join('; ')}. The README is as it was; try again on an idle machine`,
  );
  const others = `${versions.slice(0, -1).join(', ')} and ${versions.at(-1)!}`;
  await writeSection(`This kernel, ${others}, on Node ${process.versions.node}:\n\n${table}`);
}
if (values.latency) {
  const all: string[][] = [];
  for (const subject of subjects) all.push(await latencies(subject));
  for (const [i, what] of ['start', 'first completion', 'both', 'a trivial cell'].entries())
    console.log(lineOf([what, ...all.map((each) => each[i]!)]));
}
process.exit();
