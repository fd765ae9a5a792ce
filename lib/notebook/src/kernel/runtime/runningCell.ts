/** A cell while it runs, and after: what its callbacks print belongs to it as long as the kernel lives. */
import { setMaxListeners } from 'node:events';

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
  /** Asks the cell to end; `hard` does not wait for it. */
  interrupt(hard: boolean): void;
}

export function createRunningCell(id: string, onListen: () => void): RunningCell {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let listens = false;
  let reject!: (reason: Error) => void;
  const interrupted = new Promise<never>((_resolve, rejectPromise) => (reject = rejectPromise));
  interrupted.catch(() => undefined);
  return {
    id,
    interrupted,
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
      if (hard || !listens) reject(reason);
    },
  };
}
