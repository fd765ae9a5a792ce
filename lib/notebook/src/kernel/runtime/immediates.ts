/**
 * `setImmediate` for cells. Node keeps immediates in a list that breaks when the JavaScript of one of them is
 * terminated: from then on each turn throws, and nothing else runs. So they wait in a queue here, each runs as
 * a tick of its own, and Node's list only wakes the queue. They run when Node's would: those set meanwhile in
 * the next turn, and promises go on between two of them.
 */
import { AsyncResource } from 'node:async_hooks';

type Callback = (...args: unknown[]) => unknown;

/** What `setImmediate` returns, with the members of Node's. */
class Immediate {
  #isRef = true;
  #run: (() => unknown) | undefined;
  constructor(callback: Callback, args: unknown[]) {
    // Packages keep an AsyncLocalStorage from where it was set.
    const resource = new AsyncResource('Immediate');
    this.#run = () => resource.runInAsyncScope(callback, undefined, ...args);
  }
  /** Nothing for one that was cleared. */
  static run(immediate: Immediate): void {
    const run = immediate.#run;
    immediate.#run = undefined;
    run?.();
  }
  static clear(immediate: Immediate): void {
    immediate.#run = undefined;
  }
  // The kernel does not end when its queues are empty, so this is only remembered.
  hasRef(): boolean {
    return this.#isRef;
  }
  ref(): this {
    this.#isRef = true;
    return this;
  }
  unref(): this {
    this.#isRef = false;
    return this;
  }
  [Symbol.dispose](): void {
    Immediate.clear(this);
  }
}

/** Replaces the global functions, for the life of the process. */
export function installImmediates(): void {
  const { setImmediate: wake, clearImmediate: clearNodes, queueMicrotask } = globalThis;
  const { nextTick } = process;
  let waiting: Immediate[] = [];
  /** Those of this turn, and how many of them have begun. */
  let [due, begun] = [[] as Immediate[], 0];
  let isWoken = false;
  const wakeLater = (): void => {
    if (isWoken) return;
    isWoken = true;
    wake(() => nextTick(turn));
  };
  const turn = (): void => {
    isWoken = false;
    if (begun === due.length) [due, begun, waiting] = [waiting, 0, []];
    next();
  };
  const next = (): void => {
    const immediate = due[begun++];
    if (!immediate) {
      [due, begun] = [[], 0];
      return;
    }
    // The first is for those that are left if this one is terminated, and the promises with it.
    if (begun < due.length || waiting.length > 0) wakeLater();
    queueMicrotask(() => nextTick(next));
    Immediate.run(immediate);
  };
  const set = (callback: Callback, ...args: unknown[]): unknown => {
    // Node's says what is wrong.
    if (typeof callback !== 'function') return wake(callback, ...args);
    const immediate = new Immediate(callback, args);
    waiting.push(immediate);
    wakeLater();
    return immediate;
  };
  const clear = (immediate: unknown): void => {
    if (immediate instanceof Immediate) Immediate.clear(immediate);
    else clearNodes(immediate as NodeJS.Immediate);
  };
  Object.defineProperties(set, Object.getOwnPropertyDescriptors(wake));
  Object.assign(globalThis, { setImmediate: set, clearImmediate: clear });
}
