/**
 * From the main thread to the server: what cells print and show. `process.stdout` and `process.stderr` write
 * into the cell, and with them `console` and whatever a package prints. A cell that prints faster than
 * clients take in is slowed down, so that its output cannot fill the memory.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Bundle, FromRuntime } from '../threads.js';

export interface Output {
  send(message: FromRuntime): void;
  /** Publishes a message below the cell that runs. */
  publish(kind: string, content: Bundle, more?: { metadata?: Bundle; buffers?: readonly Uint8Array[] }): void;
  /** Waits until the server has read what programs have written into their pipes (childOutput.ts). */
  drain(): void;
  /** Before the process ends: waits until everything has reached the clients and the sockets are closed. */
  leave(): void;
}

/**
 * `bundle` as JSON holds it, text as it is. It becomes JSON here, so that what JSON cannot hold is an error of
 * the cell, and because a copy for the other thread would lose the methods `toJSON`.
 * @throws TypeError for a circular structure or a BigInt.
 */
export function jsonOf(bundle: Bundle): Bundle {
  const entries = Object.entries(bundle).map(([key, value]): [string, unknown] => {
    if (typeof value === 'string') return [key, value];
    const json = JSON.stringify(value) as string | undefined;
    return [key, json === undefined ? undefined : JSON.parse(json)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** The largest number of characters on their way to the server. */
const mostUnderway = 8 * 1024 * 1024;

/** Milliseconds; the server is as busy as the clients keep it. */
const mostDraining = 2000;

export function createOutput(
  port: MessagePort,
  underway: Int32Array,
  currentId: () => string | undefined,
): Output {
  const send = (message: FromRuntime): void => {
    port.postMessage(message);
  };
  const parent = (): { parent?: string } => {
    const id = currentId();
    return id === undefined ? {} : { parent: id };
  };
  const stream = (name: 'stdout' | 'stderr', text: string): void => {
    if (text === '') return;
    for (let count; (count = Atomics.load(underway, 0)) > mostUnderway;)
      Atomics.wait(underway, 0, count, 100);
    Atomics.add(underway, 0, text.length);
    send({ type: 'stream', ...parent(), name, text });
  };
  const publish: Output['publish'] = (kind, content, more = {}) =>
    send({ type: 'publish', ...parent(), kind, content, ...more });

  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder();
    process[name].write = ((
      chunk: string | Uint8Array,
      encoding?: unknown,
      callback?: (error?: Error) => void,
    ): boolean => {
      stream(name, typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
      const done = typeof encoding === 'function' ? (encoding as () => void) : callback;
      if (done) process.nextTick(done);
      return true;
    }) as typeof process.stdout.write;
  }
  console.clear = () => publish('clear_output', { wait: false });

  let drains = 0;
  return {
    send,
    publish,
    drain() {
      send({ type: 'drain' });
      drains++;
      const deadline = performance.now() + mostDraining;
      for (let done; (done = Atomics.load(underway, 2)) < drains && performance.now() < deadline;)
        Atomics.wait(underway, 2, done, deadline - performance.now());
    },
    leave() {
      send({ type: 'leaving' });
      Atomics.wait(underway, 1, 0, 1000);
    },
  };
}
