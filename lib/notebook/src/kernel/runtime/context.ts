/**
 * Which cell the running code belongs to, even after an await and in a timer, so that what it prints and the
 * rejections that it does not handle are shown below the cell that caused them. It follows promises by V8's
 * own hooks: AsyncLocalStorage would do the same, but on Node before 24 it keeps a stack that breaks when a
 * loop is terminated. A callback that comes from neither a promise nor a timer, such as that of a socket,
 * counts for the latest cell.
 */
import { promiseHooks } from 'node:v8';
import { isCalledByReader } from './stackTraces.js';

export interface Context<T extends object> {
  /** Calls `action` as a part of `cell`. */
  run<R>(cell: T, action: () => R): R;
  current(): T | undefined;
  /** The cell in which `promise` was made. */
  of(promise: object): T | undefined;
  /** Forgets what was running: its JavaScript was terminated. */
  reset(): void;
}

/** A class whose instances are what they are made from, so that a class derived from it adds members to that. */
const Same = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

/** Puts the cell on a promise as a private member, which no inspection of the promise shows. */
class Marked<T> extends Same {
  readonly #cell: T;
  constructor(promise: object, cell: T) {
    super(promise);
    this.#cell = cell;
  }
  static cellOf<T>(promise: object): T | undefined {
    return #cell in promise ? (promise as unknown as Marked<T>).#cell : undefined;
  }
}

/**
 * Starts following, for the life of the process. What a cell's code has set to be called back no longer is
 * when the cell is abandoned; what packages have set is, since they may serve others with it.
 */
export function createContext<T extends object>(isAbandoned: (cell: T) => boolean): Context<T> {
  let current: T | undefined;
  let outer: (T | undefined)[] = [];
  promiseHooks.createHook({
    init(promise) {
      if (current !== undefined) new Marked(promise, current);
    },
    before(promise) {
      outer.push(current);
      current = Marked.cellOf(promise);
    },
    after() {
      current = outer.pop();
    },
  });
  const run = <R>(cell: T | undefined, action: () => R): R => {
    const before = current;
    current = cell;
    try {
      return action();
    } finally {
      current = before;
    }
  };
  followTimers(
    () => current,
    (cell, action) => run(cell, action),
    isAbandoned,
  );
  return {
    run,
    current: () => current,
    of: (promise) => Marked.cellOf(promise),
    reset() {
      current = undefined;
      outer = [];
    },
  };
}

type Callback = (...args: unknown[]) => unknown;
type Schedule = (callback: Callback, ...rest: unknown[]) => unknown;

/** Makes the global timers call back in the context in which they were set. */
function followTimers<T>(
  current: () => T | undefined,
  run: (cell: T | undefined, action: () => unknown) => unknown,
  isAbandoned: (cell: T) => boolean,
): void {
  const globals = globalThis as unknown as Record<string, Schedule>;
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
    const original = globals[name]!;
    const following: Schedule = (callback, ...rest) => {
      const cell = current();
      if (cell === undefined || typeof callback !== 'function') return original(callback, ...rest);
      const isReaders = isCalledByReader(following);
      const timer = original(
        (...args: unknown[]) => {
          if (isReaders && isAbandoned(cell)) clearInterval(timer as NodeJS.Timeout);
          else run(cell, () => callback(...args));
        },
        ...rest,
      );
      return timer;
    };
    for (const [key, property] of ownProperties(original))
      Object.defineProperty(following, key, { ...property, configurable: true });
    globals[name] = following;
  }
}

/** With `promisify.custom`, which timers.ts replaces. */
const ownProperties = (object: object): [key: PropertyKey, property: PropertyDescriptor][] =>
  Reflect.ownKeys(object).map((key) => [key, Reflect.getOwnPropertyDescriptor(object, key)!]);
