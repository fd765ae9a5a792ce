/**
 * A running kernel as a function from code to outputs: `startKernelSession()` starts it the way Jupyter does
 * and speaks Jupyter's protocol with it. Cells run one after the other and share their variables, as in a
 * notebook.
 */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from 'oabn-base';
import { kernelName } from '../kernel/kernelName.js';
import { startKernelProcess, type KernelProcess, type KernelProcessOptions } from './kernelProcess.js';
import { collectOutputs, type Displays, type Output, type OutputCollector } from './outputs.js';
import { processorTime, startPatience } from './startPatience.js';
import { openChannels, type Channels } from '../protocol/channels.js';
import { type Connection, createConnection, writeConnectionFile } from '../protocol/connection.js';
import type { Message } from '../protocol/message.js';

/** How a cell ended. */
export type ExecutionStatus = 'ok' | 'error' | 'timeout' | 'interrupted' | 'died';

/** The outcome of a piece of code. */
export interface Execution {
  /** How it ended. */
  readonly status: ExecutionStatus;
  /** The cell's number; null if it was not counted. */
  readonly executionCount: number | null;
  /** What the cell printed and showed; later cells may still update displays among them. */
  readonly outputs: readonly Output[];
  /** Why it did not end well: for «died» and «timeout», what the kernel's process said last. */
  readonly reason?: string;
}

/** How long code may take, and what is reported about it. */
export interface ExecuteOptions {
  /** Seconds after which the cell is interrupted, and the kernel killed if that does not help. */
  readonly timeout?: number;
  /** Interrupts the cell when it aborts. */
  readonly signal?: AbortSignal;
  /** Called with each message that changed the outputs. What it throws, `execute` rejects with. */
  readonly onOutput?: (message: Message) => void;
  /** Answers what the cell asks; without it the cell cannot ask. What it throws, `execute` rejects with. */
  readonly onInput?: (prompt: string, password: boolean) => string | Promise<string>;
  /** The subshell that runs it, by the id that `create_subshell_request` gave. */
  readonly subshell?: string;
}

/** A kernel in its own process, and what it can be asked to do. */
export interface KernelSession {
  /** The process id of the kernel. */
  readonly pid: number;
  /** What the kernel says about its language: name, version, MIME type, file extension. */
  readonly languageInfo: Readonly<Record<string, unknown>>;
  /**
   * Runs a cell. Resolves to its status and outputs, even if the cell failed.
   * @throws what `onOutput` or `onInput` threw, which interrupts the cell, when that has ended; an Error when
   * somebody has closed the channels
   */
  execute(code: string, options?: ExecuteOptions): Promise<Execution>;
  /** The completions that the kernel offers at `cursor`, a position in `code`. */
  complete(code: string, cursor?: number): Promise<string[]>;
  /** The channels to the kernel, for the rest of the protocol. */
  readonly channels: Channels;
  /** Asks the kernel to end, and makes sure that it does. */
  close(): Promise<void>;
}

/** How the kernel's process is started. */
export interface SessionOptions extends Partial<KernelProcessOptions> {
  /** Called with every message that the kernel publishes, from the first on. */
  readonly onMessage?: (message: Message) => void;
  /** Seconds in which the kernel may do nothing before it first answers; 60. See startPatience.ts. */
  readonly startTimeout?: number;
}

/**
 * Seconds after the first interrupt: when it is repeated, which the kernel takes more seriously, and the
 * kernel is killed.
 */
const patience = { again: 11, kill: 20 } as const;

/**
 * Starts a kernel in `folder` (the working folder unless said otherwise).
 * @throws UserError when the library is not built or the kernel does not come up.
 */
export async function startKernelSession(options: SessionOptions = {}): Promise<KernelSession> {
  for (let attempt = 1; ; attempt++) {
    const started = await tryStart(options);
    if ('execute' in started) return started;
    const portWasTaken = /address already in use|EADDRINUSE/i.test(started.failure);
    if (!portWasTaken || attempt === 3) throw new UserError(`The kernel did not start: ${started.failure}`);
  }
}

async function tryStart(options: SessionOptions): Promise<KernelSession | { failure: string }> {
  const { folder = process.cwd(), env, command } = options;
  const connection = await createConnection(kernelName);
  const file = await writeConnectionFile(connection);
  let kernel: KernelProcess | undefined;
  try {
    kernel = startKernelProcess(file.path, { folder, env, ...(command && { command }) });
    return await connect(kernel, connection, options);
  } catch (error) {
    kernel?.kill();
    throw error;
  } finally {
    // It holds the key to the kernel.
    await file.remove();
  }
}

/** A session with `kernel` when it has answered, or why it has not. */
async function connect(
  kernel: KernelProcess,
  connection: Connection,
  { onMessage, startTimeout = 60 }: SessionOptions,
): Promise<KernelSession | { failure: string }> {
  const channels = await openChannels(connection);
  if (onMessage) channels.onOutput(onMessage);
  const ready = waitUntilReady(channels);
  const late = new AbortController();
  const waited = startPatience({
    seconds: startTimeout,
    processorTime: () => processorTime(kernel.pid),
    signal: late.signal,
  });
  const failure = await Promise.race([
    ready.then(
      () => undefined,
      (error: Error) => error.message,
    ),
    kernel.ended.then((end) => `${end}\n${kernel.lastWords()}`),
    waited.then(
      (reason) => reason && [reason, unreachable(connection), kernel.lastWords()].filter(Boolean).join('\n'),
    ),
  ]);
  late.abort();
  if (failure !== undefined) {
    channels.close(new Error(failure));
    kernel.kill();
    return { failure: failure.trim() };
  }
  return createSession(kernel, channels, (await ready).content);
}

/**
 * Why nobody can reach the kernel, if this machine explains it: a network namespace begins without loopback.
 */
function unreachable({ ip }: Connection): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.some(({ address }) => address === ip)
    ? ''
    : `No network interface here has the address ${ip}; bring up the loopback one (ip link set lo up)`;
}

/**
 * Resolves to the reply to a kernel_info_request once iopub is connected too. A subscriber that connects late
 * misses what was published before, so we ask until we have also heard a status message.
 */
async function waitUntilReady(channels: Channels): Promise<Message> {
  let heard = false;
  channels.onOutput(() => (heard = true));
  for (;;) {
    const reply = await channels.request('kernel_info_request', {});
    if (heard) return reply;
    await sleep(50);
    if (heard) return reply;
  }
}

interface RunningCell {
  readonly collector: OutputCollector;
  readonly options: ExecuteOptions;
  /** The cell's number, from the message that announces it. */
  count: number | null;
  /** Called when the kernel has finished with it. */
  idle(): void;
  /** Called with what one of the functions in `options` has thrown. */
  fail(error: unknown): void;
}

function createSession(kernel: KernelProcess, channels: Channels, info: Message['content']): KernelSession {
  const displays: Displays = new Map();
  // Kept for the session's life: a cell may print after it has ended, and Jupyter adds that to its outputs.
  const cells = new Map<string, RunningCell>();
  channels.onOutput((message) => {
    const cell = cells.get(message.parent.msg_id ?? '');
    if (!cell) return;
    if (message.header.msg_type === 'status' && message.content.execution_state === 'idle') cell.idle();
    else if (message.header.msg_type === 'execute_input')
      cell.count = Number(message.content.execution_count);
    else if (cell.collector.receive(message)) {
      try {
        cell.options.onOutput?.(message);
      } catch (error) {
        cell.fail(error);
      }
    }
  });
  channels.onQuestion(async ({ parent, content }) => {
    const cell = cells.get(parent.msg_id ?? '');
    try {
      return (await cell?.options.onInput?.(String(content.prompt), content.password === true)) ?? '';
    } catch (error) {
      cell!.fail(error);
      return undefined;
    }
  });
  let death: string | undefined;
  void kernel.ended.then((end) => {
    death = [`the kernel's process ended by ${end}`, kernel.lastWords()].filter(Boolean).join('\n');
    channels.close(new Error(death));
  });

  const execute = async (code: string, options: ExecuteOptions = {}): Promise<Execution> => {
    const collector = collectOutputs(displays);
    const { outputs } = collector;
    if (death !== undefined) return { status: 'died', executionCount: null, outputs, reason: death };
    const content = { code, silent: false, store_history: true, allow_stdin: options.onInput !== undefined, stop_on_error: true }; // prettier-ignore
    const { id, reply } = channels.send('execute_request', content, 'shell', options.subshell);
    const stopped = stopWhenAsked(kernel, channels, options);
    const thrown: unknown[] = [];
    const fail = (error: unknown): void => {
      thrown.push(error);
      stopped.interrupt();
    };
    const cell: RunningCell = { collector, options, count: null, idle: () => undefined, fail };
    const idle = new Promise<void>((resolve) => (cell.idle = resolve));
    cells.set(id, cell);
    const finished = reply.then(async (message) => {
      await Promise.race([idle, kernel.ended]);
      return message.content;
    });
    try {
      const { status } = await finished;
      if (thrown.length > 0) throw thrown[0];
      return {
        status: stopped.by() ?? (status === 'ok' ? 'ok' : 'error'),
        executionCount: cell.count,
        outputs,
      };
    } catch (error) {
      if (thrown.length > 0) throw thrown[0];
      if (death === undefined) throw error;
      return { status: stopped.by() ?? 'died', executionCount: cell.count, outputs, reason: death };
    } finally {
      stopped.dispose();
      // What the cell prints later has nobody to tell but the process.
      cell.fail = (error) => {
        throw error;
      };
    }
  };

  const close = async (): Promise<void> => {
    if (death !== undefined) return;
    const asked = channels.request('shutdown_request', { restart: false }, 'control').catch(() => undefined);
    const late = new AbortController();
    const ended = await Promise.race([
      asked.then(() => kernel.ended),
      sleep(3000, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    if (ended === undefined) kernel.kill();
    await kernel.ended;
  };

  return {
    pid: kernel.pid,
    languageInfo: (info.language_info ?? {}) as Record<string, unknown>,
    execute,
    async complete(code, cursor = code.length) {
      const { content } = await channels.request('complete_request', { code, cursor_pos: cursor });
      return content.matches as string[];
    },
    channels,
    close,
  };
}

/** Interrupts the kernel when told to, at the timeout or when the signal aborts, and kills it if it does not stop. */
function stopWhenAsked(
  kernel: KernelProcess,
  channels: Channels,
  { timeout, signal }: ExecuteOptions,
): { interrupt(): void; by(): ExecutionStatus | undefined; dispose(): void } {
  let stoppedBy: ExecutionStatus | undefined;
  const timers: NodeJS.Timeout[] = [];
  const press = (): void => void channels.request('interrupt_request', {}, 'control').catch(() => undefined);
  const stop = (by: ExecutionStatus): void => {
    if (stoppedBy !== undefined) return;
    stoppedBy = by;
    press();
    timers.push(setTimeout(press, patience.again * 1000));
    timers.push(setTimeout(() => kernel.kill(), patience.kill * 1000));
  };
  const interrupt = (): void => stop('interrupted');
  // A timer that is set for more than 24 days rings at once.
  if (timeout !== undefined && timeout * 1000 < 2 ** 31) {
    timers.push(setTimeout(() => stop('timeout'), timeout * 1000));
  }
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  return {
    interrupt,
    by: () => stoppedBy,
    dispose() {
      timers.forEach(clearTimeout);
      signal?.removeEventListener('abort', interrupt);
    },
  };
}
