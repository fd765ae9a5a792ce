/**
 * Functions of your own as part of a configuration: a limit for OABN, a weight quantizer, a PTQ method,
 * a regularizer. A run is named by its configuration, so what the function does has to be in it: its source
 * text is.
 *
 * What is hashed is what runs. The function is recreated from its text, with nothing in scope but the
 * language, so that it cannot depend on a variable of a cell that somebody changes later: it gets `tf` as its
 * first argument, then what it works on, and nothing else.
 */
import { check, errorMessage, sha256, UserError } from 'oabn-base';
import { tf } from 'tfjs-native';

/** A function by its source: plain JSON. `F` is the type of the function. */
export interface Custom<F> {
  /** Its name in tables and progress. */
  readonly name: string;
  /** An expression of JavaScript whose value is the function. */
  readonly source: string;
  /** Never present; it gives values for different purposes different types. */
  readonly of?: F;
}

/** Anything that can be called; the first argument is always `tf`. */
export type AnyFunction = (engine: typeof tf, ...args: never[]) => unknown;

const known = new Map<string, AnyFunction>();
let trusting = process.env.OABN_TRUST === '1';

/**
 * Makes a value of `fn` that configurations can hold.
 * @throws UserError when `fn` cannot be recreated from its text, as with bound and native functions
 */
export function custom<F extends AnyFunction>(name: string, fn: F): Custom<F> {
  check(typeof name === 'string' && name.trim() !== '', 'A function of your own needs a name, for tables');
  check(typeof fn === 'function', () => `«${name}» must be a function, got ${typeof fn}`);
  const source = fn.toString();
  known.set(sha256(source), compileSource(name, source));
  return { name, source };
}

/**
 * The function behind a value. One that was not made in this process by `custom` comes from elsewhere, such
 * as a file or a queue, and runs only if it is trusted.
 * @throws UserError when it is not trusted, or its source is not a function's
 */
export function functionOf<F extends AnyFunction>({ name, source }: Custom<F>): F {
  const key = sha256(source);
  const found = known.get(key);
  if (found) return found as F;
  check(
    trusting,
    () =>
      `«${name}» is code that came with a configuration. Read it, then run it with OABN_TRUST=1 if you trust it: ${source.slice(0, 200)}`,
  );
  known.set(key, compileSource(name, source));
  return known.get(key) as F;
}

/** Trusts the functions that come with configurations: from now on, they run in this process. */
export function trustSources(): void {
  trusting = true;
}

/** The canonical form of a value from a configuration. @throws UserError when it is not one */
export function normalizeCustom<F>(value: Custom<F>, what: string): Custom<F> {
  const { name, source } = (value ?? {}) as Partial<Custom<F>>;
  check(
    typeof name === 'string' && typeof source === 'string',
    () => `${what} must be a value of custom(name, function), got ${JSON.stringify(value)}`,
  );
  return { name, source };
}

function compileSource(name: string, source: string): AnyFunction {
  const make = (text: string): unknown => new Function(`'use strict'; return (${text}\n);`)();
  let made: unknown;
  try {
    made = make(source);
  } catch {
    try {
      // A method of an object: `limit(tf, ratio) { … }`.
      made = Object.values(make(`{ ${source} }`) as object)[0];
    } catch (error) {
      throw new UserError(
        `«${name}» cannot be made from its source (${errorMessage(error)}): ${source.slice(0, 200)}`,
      );
    }
  }
  check(
    typeof made === 'function',
    () => `«${name}» must be a function, its source is ${source.slice(0, 200)}`,
  );
  const call = made as (...args: unknown[]) => unknown;
  return ((...args: unknown[]) => {
    try {
      return call(...args);
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      throw new UserError(
        `«${name}»: ${inReadersWords(error.message, source)}. A function of your own may use its arguments (tf is the first) and nothing else, ` +
          'so that its source says all that it does',
      );
    }
  }) as AnyFunction;
}

/** A notebook's kernel writes `__scope.width` where a cell says `width`, so what V8 misses is `__scope`. */
function inReadersWords(message: string, source: string): string {
  if (!message.startsWith('__scope ')) return message;
  const ofCells = [...source.matchAll(/\b__scope\.([\w$]+)/g)].map(([, name]) => name);
  return `${[...new Set(ofCells)].join(' and ')} is not defined here, but in a cell`;
}
