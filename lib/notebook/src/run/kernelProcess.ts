/**
 * The kernel's process: started with a connection file, watched, and reliably ended. It gets its own process
 * group, so that Ctrl-C in a terminal reaches only the runner, which then decides what to interrupt.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from 'oabn-base';

/** The built script that a kernel runs, whether this file runs from src or from dist. */
const kernelScript = fileURLToPath(new URL('../../dist/kernel/main.js', import.meta.url));

const nodeOptions = [
  // Packages are loaded by `require`, ES modules too, which Node 20 and 22 still call experimental.
  '--disable-warning=ExperimentalWarning',
  // A loop in a timer's callback can be terminated; its record of nested calls is then wrong, which does no
  // harm.
  '--no-force-async-hooks-checks',
];

/**
 * The command line of the kernel, where `connectionFile` is a path or Jupyter's placeholder for one.
 * @throws UserError when the library is not built.
 */
export function kernelCommand(connectionFile: string): string[] {
  if (!existsSync(kernelScript)) {
    throw new UserError(
      `The kernel ${kernelScript} is missing; run «npm run build» in the project folder first`,
    );
  }
  return [process.execPath, ...nodeOptions, kernelScript, connectionFile];
}

export interface KernelProcess {
  /** Its process id. */
  readonly pid: number;
  /** Resolves to what ended the process, when it has ended, such as «exit code 1» or «signal SIGKILL». */
  readonly ended: Promise<string>;
  /**
   * The last lines that the process itself wrote, outside the protocol, which is where a crash is explained.
   */
  lastWords(): string;
  /** Ends it at once. */
  kill(): void;
}

const running = new Set<KernelProcess>();

/** Ends every kernel of this process; kernels must not outlive the program that started them. */
function killAll(): void {
  for (const kernel of running) kernel.kill();
}

export interface KernelProcessOptions {
  /** The working folder, where the kernel looks for modules and files first. */
  readonly folder: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The command line of another kernel, for its connection file; default: this package's own. */
  readonly command?: (connectionFile: string) => string[];
}

/** Starts a kernel that listens as the connection file says. */
export function startKernelProcess(
  connectionFile: string,
  { folder, env, command = kernelCommand }: KernelProcessOptions,
): KernelProcess {
  if (!existsSync(folder)) throw new UserError(`The notebook's folder ${folder} does not exist`);
  const [program, ...args] = command(connectionFile);
  const ownGroup = process.platform !== 'win32';
  const child = spawn(program!, args, {
    cwd: folder,
    env: { ...process.env, JPY_PARENT_PID: String(process.pid), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
  });

  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-4000)));
  }
  const signal = (name: NodeJS.Signals): void => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    try {
      process.kill(ownGroup && name === 'SIGKILL' ? -child.pid : child.pid, name);
    } catch {
      // It has ended just now.
    }
  };
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, name) => resolve(name === null ? `exit code ${code}` : `signal ${name}`));
  });
  const kernel: KernelProcess = {
    pid: child.pid ?? -1,
    ended,
    lastWords: () => tail.trim(),
    kill: () => signal('SIGKILL'),
  };
  if (running.size === 0) process.once('exit', killAll);
  running.add(kernel);
  void ended.then(() => {
    running.delete(kernel);
    if (running.size === 0) process.removeListener('exit', killAll);
  });
  return kernel;
}
