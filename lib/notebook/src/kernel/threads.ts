/**
 * The kernel's three threads, and the messages between them:
 *
 * - the main thread runs cells (runtime/), because native modules and signals belong there;
 * - the server thread speaks Jupyter's protocol (server/), so that it answers whatever a cell is doing;
 * - the language thread is TypeScript (language/), so that completion and documentation work meanwhile.
 *
 * The server is in the middle: it has each cell compiled by the language thread and run by the main thread,
 * and publishes the output.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { CompiledCell } from './language/language.js';

/** MIME type → content. */
export type Bundle = Readonly<Record<string, unknown>>;

export interface ThrownError {
  readonly ename: string;
  readonly evalue: string;
  /** Lines for a terminal, with its colours. */
  readonly traceback: readonly string[];
}

/** From the server to the runtime. */
export type ToRuntime =
  | { readonly type: 'execute'; readonly id: string; readonly count: number; readonly silent: boolean; readonly cell: CompiledCell } // prettier-ignore
  /** `hard`: do not wait for the cell to end by itself. */
  | { readonly type: 'interrupt'; readonly hard: boolean }
  /** Ends what the cells so far have left running. */
  | { readonly type: 'abandon' }
  | { readonly type: 'comm'; readonly id: string; readonly kind: CommKind; readonly content: Bundle; readonly metadata: Bundle; readonly buffers: readonly Uint8Array[] } // prettier-ignore
  | { readonly type: 'answer'; readonly question: number; readonly value: string | undefined }
  | { readonly type: 'exit' };

export type CommKind = 'comm_open' | 'comm_msg' | 'comm_close';

/** From the runtime to the server. `parent` is the request whose output it is. */
export type FromRuntime =
  | {
      readonly type: 'stream';
      readonly parent?: string;
      readonly name: 'stdout' | 'stderr';
      readonly text: string;
    }
  /** A pipe that programs of a cell write into; the server closes it. */
  | { readonly type: 'childOutput'; readonly parent?: string; readonly name: 'stdout' | 'stderr'; readonly fd: number } // prettier-ignore
  /** Asks the server to count up when it has read what is in these pipes. */
  | { readonly type: 'drain' }
  | { readonly type: 'publish'; readonly parent?: string; readonly kind: string; readonly content: Bundle; readonly metadata?: Bundle; readonly buffers?: readonly Uint8Array[] } // prettier-ignore
  | { readonly type: 'done'; readonly id: string; readonly outcome: Outcome }
  /** A late error, of a promise that nobody waited for. */
  | { readonly type: 'error'; readonly parent?: string; readonly error: ThrownError }
  | { readonly type: 'ask'; readonly parent?: string; readonly question: number; readonly prompt: string; readonly password: boolean } // prettier-ignore
  /** The running cell listens to `kernel.signal`. */
  | { readonly type: 'listens'; readonly parent: string }
  /** The main thread is alive and has received the interrupt. */
  | { readonly type: 'interrupted' }
  | { readonly type: 'handled'; readonly id: string }
  /** The process is about to end. */
  | { readonly type: 'leaving' }
  /** The process was sent SIGINT. */
  | { readonly type: 'signal' }
  | { readonly type: 'typecheck'; readonly value: 'error' | 'warn' | 'off' };

/** How a cell ended. */
export interface Outcome {
  readonly status: 'ok' | 'error';
  /** The value of the last expression, as it is displayed. */
  readonly data?: Bundle;
  readonly metadata?: Bundle;
  readonly error?: ThrownError;
  /** The declared values that the cell reached, when it did not reach its end. */
  readonly set?: readonly string[];
  /** Text for a pager. */
  readonly page?: string;
}

/** A pair of ports, typed at both ends. */
export const createChannel = (): MessageChannel => new MessageChannel();

type Methods = Record<string, (...args: never[]) => unknown>;
type Remote<T extends Methods> = {
  readonly [K in keyof T]: (...args: Parameters<T[K]>) => Promise<Awaited<ReturnType<T[K]>>>;
};

interface Call {
  readonly call: number;
  readonly method: string;
  readonly args: unknown[];
}
type Return = { readonly call: number } & ({ readonly value: unknown } | { readonly error: string });

/** Lets the other end of `port` call `methods`. */
export function serveCalls<T extends Methods>(port: MessagePort, methods: T): void {
  port.on('message', async ({ call, method, args }: Call) => {
    let result: Return;
    try {
      result = { call, value: await methods[method]!(...(args as never[])) };
    } catch (error) {
      result = { call, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    port.postMessage(result);
  });
}

/** The methods that the other end of `port` serves. */
export function callsTo<T extends Methods>(port: MessagePort): Remote<T> {
  let calls = 0;
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  port.on('message', (result: Return) => {
    const call = waiting.get(result.call);
    waiting.delete(result.call);
    if ('error' in result) call?.reject(new Error(result.error));
    else call?.resolve(result.value);
  });
  return new Proxy({} as Remote<T>, {
    get:
      (_target, method: string) =>
      (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          waiting.set(++calls, { resolve, reject });
          port.postMessage({ call: calls, method, args } satisfies Call);
        }),
  });
}
