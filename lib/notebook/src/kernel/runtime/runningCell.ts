/** A cell while it runs, and after: what its callbacks print belongs to it as long as the kernel lives. */
import { setMaxListeners } from 'node:events';
import type { Context } from './context.js';

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor() {
    super('the cell was interrupted');
  }
}

export interface RunningCell {
  /** The request that started it. */
  readonly id: string;
  /** Aborts when the cell is interrupted. Asking for it means that the cell will then end by itself. */
  readonly signal: AbortSignal;
  readonly listens: boolean;
  /** Rejects when the cell should no longer be waited for. */
  readonly interrupted: Promise<never>;
  /** Whether that has come; its timers then no longer call back. */
  readonly isAbandoned: boolean;
  /** The cells are numbered as they begin. */
  readonly order: number;
  /** Asks the cell to end; `hard` does not wait for it. */
  interrupt(hard: boolean): void;
}

let begun = 0;

export function createRunningCell(id: string, onListen: () => void): RunningCell {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let [listens, isAbandoned] = [false, false];
  const order = ++begun;
  let reject!: (reason: Error) => void;
  const interrupted = new Promise<never>((_resolve, rejectPromise) => (reject = rejectPromise));
  interrupted.catch(() => undefined);
  return {
    id,
    order,
    interrupted,
    get isAbandoned() {
      return isAbandoned;
    },
    get signal() {
      if (!listens) onListen();
      listens = true;
      return controller.signal;
    },
    get listens() {
      return listens;
    },
    interrupt(hard) {
      const reason = new Interrupted();
      controller.abort(reason);
      if (!hard && listens) return;
      isAbandoned = true;
      reject(reason);
    },
  };
}

/** The cells that run, in the order in which they began. */
export interface RunningCells {
  add(cell: RunningCell): void;
  remove(cell: RunningCell): void;
  has(cell: RunningCell): boolean;
  /** The one whose code is being executed, or the latest that runs. */
  current(): RunningCell | undefined;
  /**
   * The request to which output belongs: that of the current cell, or the latest, whose socket, for example, may still
   * call back.
   */
  currentId(): string | undefined;
  interrupt(hard: boolean): void;
  /** Abandons what the cells so far have left running. */
  abandon(): void;
  isAbandoned(cell: RunningCell): boolean;
}

export function createRunningCells(context: Context<RunningCell>): RunningCells {
  const running = new Set<RunningCell>();
  let latestId: string | undefined;
  /** The cells up to this one are abandoned. */
  let lastAbandoned = 0;
  const current = (): RunningCell | undefined => context.current() ?? [...running].at(-1);
  return {
    add(cell) {
      running.add(cell);
      latestId = cell.id;
    },
    remove: (cell) => void running.delete(cell),
    has: (cell) => running.has(cell),
    current,
    currentId: () => current()?.id ?? latestId,
    interrupt(hard) {
      if (hard) context.reset();
      for (const cell of running) cell.interrupt(hard);
    },
    abandon: () => void (lastAbandoned = begun),
    isAbandoned: (cell) => cell.isAbandoned || cell.order <= lastAbandoned,
  };
}
