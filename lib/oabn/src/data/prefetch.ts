/**
 * Work ahead, in order, within bounds: while the engine computes a step outside JavaScript, the next batches
 * are made.
 */
import { setImmediate } from 'node:timers/promises';

/**
 * `make(start)`, …, `make(end − 1)` in order, with up to `ahead` of them begun before they are asked for.
 * Each begins in an event-loop turn of its own, so that a batch that is ready reaches its consumer before the
 * next is made.
 */
export async function* prefetched<T>(
  start: number,
  end: number,
  ahead: number,
  make: (index: number) => T | Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const queue: Promise<T>[] = [];
  let next = start;
  const begin = (): void => {
    const promise = setImmediate(next++).then(make);
    promise.catch(() => undefined); // thrown again where it is awaited; a consumer that left early must not crash
    queue.push(promise);
  };
  while (true) {
    while (next < end && queue.length <= ahead) begin();
    const first = queue.shift();
    if (!first) return;
    yield await first;
  }
}
