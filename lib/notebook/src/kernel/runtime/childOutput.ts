/**
 * What programs that cells start print to the outputs they inherit (`stdio: 'inherit'`). The kernel's own outputs
 * are no part of the notebook, so such a program gets pipes instead: a pair for each cell, which the server reads
 * while the program runs, even if this thread waits for it (`execSync`). They are named pipes, because Node makes
 * sockets otherwise, and a shell cannot open /dev/stderr on a socket.
 */
import childProcess, { ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FromRuntime } from '../threads.js';
import type { RunningCell } from './runningCell.js';

export interface ChildOutputOptions {
  send(message: FromRuntime): void;
  /** Waits until the server has published what is in the pipes. */
  drain(): void;
  currentCell(): RunningCell | undefined;
  /** The request to which output belongs. */
  currentId(): string | undefined;
  isRunning(cell: RunningCell): boolean;
}

/** The ends into which programs write, as file descriptors. */
interface WriteEnds {
  readonly stdout: number;
  readonly stderr: number;
}

type Stdio = unknown;
type Synchronous = (...args: unknown[]) => unknown;
interface SpawnOptions {
  readonly stdio?: Stdio;
}

const { spawnSync } = childProcess;

/**
 * Gives the programs of cells these pipes from now on. Returns what is to be called when a cell has ended; its
 * programs may go on and keep their ends.
 */
export function captureChildOutput(options: ChildOutputOptions): (cell: RunningCell) => void {
  const { send, drain, currentCell, currentId, isRunning } = options;
  const kept = new Map<RunningCell, WriteEnds>();

  const open = (): WriteEnds | undefined => {
    const opened = openPipes();
    if (!opened) return undefined;
    const parent = currentId();
    for (const name of ['stdout', 'stderr'] as const)
      send({ type: 'childOutput', ...(parent !== undefined && { parent }), name, fd: opened[name].read });
    return { stdout: opened.stdout.write, stderr: opened.stderr.write };
  };

  /** Calls `start` with `stdio`, in which pipes stand for the kernel's own outputs. */
  const withPipes = <T>(stdio: Stdio, start: (stdio: Stdio) => T): T => {
    const cell = currentCell();
    const known = cell && kept.get(cell);
    const ends = known ?? open();
    if (!ends) return start(stdio);
    const isKept = cell !== undefined && isRunning(cell);
    if (isKept) kept.set(cell, ends);
    try {
      return start(redirected(stdio, ends));
    } finally {
      if (!isKept) close(ends);
    }
  };

  captureSynchronous(withPipes, drain);
  captureSpawned(withPipes, drain);
  return (cell) => {
    const ends = kept.get(cell);
    if (!ends) return;
    kept.delete(cell);
    close(ends);
    drain();
  };
}

type WithPipes = <T>(stdio: Stdio, start: (stdio: Stdio) => T) => T;

/** `execSync` and the like, each of which calls the others within Node. */
function captureSynchronous(withPipes: WithPipes, drain: () => void): void {
  const functions = childProcess as unknown as Record<string, Synchronous>;
  for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
    const original = functions[name]!;
    functions[name] = (...args) => {
      const at = args.findLastIndex((arg) => typeof arg === 'object' && arg !== null && !Array.isArray(arg));
      const given = args[at] as SpawnOptions | undefined;
      if (!inheritsOutput(given?.stdio)) return original(...args);
      try {
        return withPipes(given!.stdio, (stdio) => original(...args.with(at, { ...given, stdio })));
      } finally {
        drain();
      }
    };
  }
  syncBuiltinESMExports();
}

/** `spawn`, `exec`, `execFile` and `fork`, which all come here. */
function captureSpawned(withPipes: WithPipes, drain: () => void): void {
  const prototype = ChildProcess.prototype as unknown as { spawn(options: SpawnOptions): unknown };

  const { spawn } = prototype;
  prototype.spawn = function (this: ChildProcess, given) {
    if (!inheritsOutput(given?.stdio)) return spawn.call(this, given);
    // What a cell prints when it hears of the end comes after what the program printed.
    this.prependOnceListener('exit', drain);
    return withPipes(given.stdio, (stdio) => spawn.call(this, { ...given, stdio }));
  };
}

/** Which of the kernel's outputs `stdio[index]` means. */
function outputNamed(value: unknown, index: number): keyof WriteEnds | undefined {
  const fd = value === 'inherit' ? index : ((value as { fd?: unknown } | null | undefined)?.fd ?? value);
  return fd === 1 ? 'stdout' : fd === 2 ? 'stderr' : undefined;
}

const asList = (stdio: Stdio): readonly unknown[] =>
  stdio === 'inherit' ? ['inherit', 'inherit', 'inherit'] : Array.isArray(stdio) ? stdio : [];

const inheritsOutput = (stdio: Stdio): boolean =>
  asList(stdio).some((value, index) => outputNamed(value, index) !== undefined);

const redirected = (stdio: Stdio, ends: WriteEnds): unknown[] =>
  asList(stdio).map((value, index) => {
    const name = outputNamed(value, index);
    return name === undefined ? value : ends[name];
  });

function close(ends: WriteEnds): void {
  closeSync(ends.stdout);
  closeSync(ends.stderr);
}

interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** A pair of pipes without a name; undefined where the system has no named pipes. */
function openPipes(): { stdout: Pipe; stderr: Pipe } | undefined {
  if (process.platform === 'win32') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tslab-kernel-'));
  try {
    const [stdout, stderr] = [join(folder, 'stdout'), join(folder, 'stderr')];
    if (spawnSync('mkfifo', [stdout, stderr]).status !== 0) return undefined;
    return { stdout: openPipe(stdout), stderr: openPipe(stderr) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The end to read is opened first, because the other would wait for it. */
function openPipe(path: string): Pipe {
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { read, write: openSync(path, constants.O_WRONLY) };
}
