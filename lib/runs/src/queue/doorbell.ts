/** Waiting for a signal that there may be something to do. */
import type { QueueConnection } from './connection.js';

export interface Doorbell {
  /** Resolves at the next signal from the queue, when `signal` aborts, or after this many milliseconds. */
  wait(signal: AbortSignal, milliseconds: number): Promise<void>;
  close(): void;
}

export function doorbell({ duplicate, key }: QueueConnection): Doorbell {
  const listening = duplicate();
  const waiting = new Set<() => void>();
  listening.on('message', () => {
    for (const each of [...waiting]) each();
  });
  void listening.subscribe(key('wake')).catch(() => undefined);
  return {
    wait: (signal, milliseconds) =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(end);
          signal.removeEventListener('abort', end);
          resolve();
        };
        // Spread, so that workers waiting for the same thing do not all ask at the same moment.
        const timer = setTimeout(end, milliseconds * (0.5 + Math.random()));
        if (signal.aborted) return end();
        waiting.add(end);
        signal.addEventListener('abort', end);
      }),
    close: () => listening.disconnect(),
  };
}
