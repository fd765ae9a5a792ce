/**
 * Node's modules of timers as cells import them: the functions are the global ones, which follow the cell, and
 * a promise of a cell that was abandoned stays pending.
 */
import nodes from 'node:timers';
import nodesPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import { isCalledByReader } from './stackTraces.js';

/** The modules by name; the global timers, once they follow cells, become promises the same way. */
export function createTimerModules<T>(
  current: () => T | undefined,
  isAbandoned: (cell: T) => boolean,
): ReadonlyMap<string, unknown> {
  const following = <Args extends unknown[], Value>(
    wait: (...args: Args) => Promise<Value>,
  ): ((...args: Args) => Promise<Value>) => {
    const followed = async (...args: Args): Promise<Value> => {
      const cell = current();
      const isReaders = cell !== undefined && isCalledByReader(followed);
      const value = await wait(...args);
      return isReaders && isAbandoned(cell) ? new Promise<never>(() => undefined) : value;
    };
    return followed;
  };
  async function* setInterval<Value>(
    ...args: Parameters<typeof nodesPromises.setInterval<Value>>
  ): AsyncGenerator<Value> {
    const cell = current();
    for await (const value of nodesPromises.setInterval<Value>(...args)) {
      if (cell !== undefined && isAbandoned(cell)) break;
      yield value;
    }
    // What comes after the loop should not run either.
    if (cell !== undefined && isAbandoned(cell)) await new Promise(() => undefined);
  }
  const { scheduler } = nodesPromises;
  const promises = {
    setTimeout: following(nodesPromises.setTimeout),
    setImmediate: following(nodesPromises.setImmediate),
    setInterval,
    scheduler: {
      wait: following(scheduler.wait.bind(scheduler)),
      yield: following(scheduler.yield.bind(scheduler)),
    },
  };
  for (const name of ['setTimeout', 'setImmediate'] as const)
    Object.defineProperty(globalThis[name], promisify.custom, { value: promises[name] });
  const { setTimeout, setImmediate, clearImmediate } = globalThis;
  const timers = { ...nodes, setTimeout, setInterval: globalThis.setInterval, setImmediate, clearImmediate, promises }; // prettier-ignore
  return new Map<string, unknown>([
    ['timers', timers],
    ['node:timers', timers],
    ['timers/promises', promises],
    ['node:timers/promises', promises],
  ]);
}
