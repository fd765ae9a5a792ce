/** Runs the built command line in a child process, as a user does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const binary = fileURLToPath(new URL('../../bin/oabn.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [binary, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OABN_BACKEND: process.env.OABN_BACKEND || 'wasm', ...env },
  });
}

export async function oabn(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const child = start(args, env);
  const texts = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => (texts.stdout += chunk));
  child.stderr!.on('data', (chunk) => (texts.stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...texts };
}
