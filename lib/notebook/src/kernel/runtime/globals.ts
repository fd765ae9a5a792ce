/** The values of what every cell knows without an import; language/globals.ts declares them. */
import { randomUUID } from 'node:crypto';
import { shownApart } from '../../display/kernel.js';
import type { Typecheck } from '../language/language.js';
import type { Bundle } from '../threads.js';
import type { Comms } from './comms.js';
import type { Questions } from './questions.js';
import type { RunningCell } from './runningCell.js';
import { bundleOf, displayMethod } from './values.js';

export interface GlobalsOptions {
  show(data: Bundle, id?: string, update?: boolean, metadata?: Bundle): void;
  clearOutput(wait: boolean): void;
  currentCell(): RunningCell | undefined;
  readonly questions: Questions;
  readonly comms: Comms;
  readonly versions: object;
  /** What cells have declared. */
  readonly variables: object;
  readonly typecheck: { get(): Typecheck; set(value: Typecheck): void };
}

/**
 * Where packages and the debugger find the kernel that runs them:
 * `{ currentCell(), variables, bundleOf(value) }`.
 */
const kernelKey = Symbol.for('Jupyter.kernel');

interface DisplayOptions {
  readonly id?: string;
  readonly update?: boolean;
  readonly metadata?: Bundle;
  readonly raw?: boolean;
}

export function installGlobals(options: GlobalsOptions): void {
  const { show, currentCell, questions, comms, versions, variables, typecheck } = options;

  const showValue = (
    value: unknown,
    id: string,
    update: boolean,
    { metadata, raw }: DisplayOptions,
  ): void | Promise<void> => {
    const bundle = raw ? (value as Bundle) : bundleOf(value);
    // At once where possible, so that a display comes before what is printed after it.
    if (bundle instanceof Promise) return bundle.then((data) => show(data, id, update, metadata));
    show(bundle, id, update, metadata);
  };
  const display = (value: unknown, given: DisplayOptions = {}): Promise<object> => {
    const { id = randomUUID(), update = false } = given;
    const handle = {
      id,
      /** At the end of a cell, the handle itself shows nothing. */
      [displayMethod]: () => ({}),
      update: async (next: unknown, more: DisplayOptions = {}) => showValue(next, id, true, more),
    };
    try {
      return shownApart(Promise.resolve(showValue(value, id, update, given)).then(() => handle));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  const idle = new AbortController();
  const kernel = Object.defineProperties(
    { comms, versions },
    {
      signal: { enumerable: true, get: () => currentCell()?.signal ?? idle.signal },
      typecheck: {
        enumerable: true,
        get: () => typecheck.get(),
        set(value: Typecheck) {
          if (!['error', 'warn', 'off'].includes(value))
            throw new RangeError(
              `kernel.typecheck is 'error', 'warn' or 'off', not ${JSON.stringify(value)}`,
            );
          typecheck.set(value);
        },
      },
    },
  );

  const cells = new WeakMap<RunningCell, object>();
  /** The running cell for packages: the same object for the same cell. */
  const publicCell = (): object | undefined => {
    const cell = currentCell();
    if (!cell) return undefined;
    const known = cells.get(cell);
    if (known) return known;
    const publish = (data: Bundle, { id, update = false, metadata = {} }: DisplayOptions = {}): void =>
      show(data, id, update, metadata);
    const made = {
      publish,
      get signal() {
        return cell.signal;
      },
    };
    cells.set(cell, made);
    return made;
  };

  Object.assign(globalThis, {
    kernel,
    display,
    clearOutput: (wait = false) => options.clearOutput(wait),
    input: questions.input,
    prompt: questions.prompt,
    [kernelKey]: { currentCell: publicCell, comms, variables, bundleOf },
  });
}
