/**
 * Stopping a cell. The first press asks: `kernel.signal` aborts, and a cell that listens to it gets time to
 * end by itself, as a training that saves its checkpoint does; one that does not is no longer waited for. A
 * main thread that does not answer is in a loop, and its JavaScript is terminated from here through the
 * inspector. If that does not help, it waits for a program (`execSync`), which is sent SIGINT. A second press
 * does not wait. While no cell is running, it ends what cells have left.
 */
import { Session } from 'node:inspector';
import type { ToRuntime } from '../threads.js';
import { signalGroup } from '../processGroup.js';

export interface Interrupter {
  /** The stop button was pressed; `idle`: while no cell was running. */
  press(idle: boolean): void;
  /** A cell has started, or the last one has ended. */
  reset(): void;
  /** The running cell listens to `kernel.signal`. */
  listens(): void;
  /** The main thread has received the interrupt. */
  acknowledged(): void;
  /** The process was sent SIGINT. Returns whether it came from here. */
  isOwnSignal(): boolean;
}

/**
 * Milliseconds until a main thread that does not answer is taken to be in a loop: in a plain cell, and if the
 * cell listens.
 */
const patience = { plain: 400, listening: 10_000, pressedAgain: 50, afterTermination: 1000 } as const;
/** Milliseconds that a cell which listens may take to end: a step of a large network, and its checkpoint. */
const timeToEnd = 10_000;

export function createInterrupter(post: (message: ToRuntime) => void): Interrupter {
  let [presses, listening] = [0, false];
  let timers: NodeJS.Timeout[] = [];
  const after = (milliseconds: number, action: () => void): void =>
    void timers.push(setTimeout(action, milliseconds));
  const clear = (): void => {
    timers.forEach(clearTimeout);
    timers = [];
  };
  /** SIGINTs on their way: the kernel is in the group of the programs that it has started. */
  let signals = 0;
  const terminate = (): void => {
    void terminateMainThread();
    post({ type: 'interrupt', hard: true });
    after(patience.afterTermination, () => {
      if (signalGroup('SIGINT')) signals++;
      terminate();
    });
  };
  return {
    press(idle) {
      clear();
      const hard = ++presses > 1;
      post(idle ? { type: 'abandon' } : { type: 'interrupt', hard });
      after(hard ? patience.pressedAgain : listening ? patience.listening : patience.plain, terminate);
    },
    reset() {
      clear();
      [presses, listening] = [0, false];
    },
    listens: () => (listening = true),
    isOwnSignal: () => signals > 0 && signals-- > 0,
    acknowledged() {
      clear();
      if (listening) after(timeToEnd, () => post({ type: 'interrupt', hard: true }));
    },
  };
}

/** Ends the JavaScript that the main thread is running now; the thread continues with its next event. */
function terminateMainThread(): Promise<void> {
  return new Promise((resolve) => {
    const session = new Session();
    session.connectToMainThread();
    session.post('Runtime.terminateExecution', () => {
      session.disconnect();
      resolve();
    });
  });
}
