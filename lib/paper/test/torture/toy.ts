/** The toy of the store's tests, as the torture suite plays with it: here, and in processes of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configHash } from 'oabn-base';
import { openStore, type RunContext } from 'provable-runs';
import type { ChildOptions } from '../../../runs/test/store/storeChild.js';
import { type ToyConfig, toyRun } from '../../../runs/test/store/storeToy.js';
import { buildToyProgram } from '../../../runs/test/store/toyProgram.js';

export const toy: ToyConfig = { toy: 'torture', steps: 12, size: 40, every: 3 };

/** The toy with a file at its end, as training has it. */
export async function toyWithFile(context: RunContext<ToyConfig>): Promise<{ digest: string; file: string }> {
  const { digest } = await toyRun(context);
  await writeFile(join(context.folder, 'network.bin'), digest.repeat(4));
  return { digest, file: 'network.bin' };
}

/** A store with the toy begun or done. */
export async function toyStore(folder: string, stopAt?: number) {
  const store = openStore(folder, { notice: () => undefined });
  const needs = ({ file }: { file: string }): readonly string[] => [file];
  const request = () => store.request(toy, toyWithFile, { needs });
  if (stopAt === undefined) await request();
  else {
    const stopped = store.request(toy, async (context) => {
      await toyRun({ ...context, config: { ...toy, steps: stopAt } });
      throw new Error('stopped');
    });
    await assert.rejects(stopped, /stopped/);
  }
  return { store, request, run: join(folder, configHash(toy)) };
}

/** What `make` makes, made at the first call. */
export const only = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

/** What an undisturbed run of the toy gives. */
export const toyDigest = only(async () => {
  const { request } = await toyStore(await mkdtemp(join(tmpdir(), 'torture-toy-')));
  return (await request()).result.digest;
});

const toyProgram = only(async () => await buildToyProgram(await mkdtemp(join(tmpdir(), 'torture-program-'))));

export interface ToyAnswer {
  readonly from?: string;
  readonly result?: { readonly digest: string };
  readonly operations?: readonly string[];
  readonly error?: string;
  /** Of the error. */
  readonly name?: string;
}

export interface ToyProcess {
  /** Undefined where it was killed. */
  readonly answer: Promise<ToyAnswer | undefined>;
  kill(): void;
}

/**
 * A process that asks for the toy; `by` is the command that starts the program after it, with other rights.
 */
export async function startToy(
  options: Omit<ChildOptions, 'config'>,
  by: readonly string[] = [],
): Promise<ToyProcess> {
  const command = [...by, process.execPath, await toyProgram(), JSON.stringify({ config: toy, ...options })];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, complained] = ['', ''];
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (complained += chunk));
  const answer = async (): Promise<ToyAnswer | undefined> => {
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (signal !== null) return undefined;
    const last = said.trim().split('\n').at(-1)!;
    assert.ok(last.startsWith('{'), complained);
    return JSON.parse(last) as ToyAnswer;
  };
  return { answer: answer(), kill: () => void child.kill('SIGKILL') };
}

/** How many operations on files an undisturbed process does. */
export const toyOperations = only(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torture-count-'));
  return (await (
    await startToy({ folder })
  ).answer)!.operations!.length;
});
