/**
 * Errors that nobody catches, of what cells have left running. A loop or an interval may throw the same one
 * thousands of times a second: the first few are shown, and of the others, ever more rarely, how many they were.
 */
import type { ThrownError } from '../threads.js';
import { thrownError } from './thrownErrors.js';

/** How many that are alike are shown, and after how many milliseconds without any they are shown again. */
const [mostAlike, quiet] = [3, 10_000];

/** Milliseconds until the others are first told, and at most. */
const [soon, late] = [1000, 60_000];

interface Alike {
  readonly error: ThrownError;
  readonly parent: string | undefined;
  count: number;
  untold: number;
  delay: number;
  timer?: NodeJS.Timeout;
}

/** A function that receives what was thrown, and the request to which it belongs. */
export function createLateErrors(
  send: (error: ThrownError, parent: string | undefined) => void,
): (thrown: unknown, parent: string | undefined) => void {
  const known = new Map<string, Alike>();
  const tellLater = (key: string, alike: Alike): void => {
    alike.timer ??= setTimeout(
      () => {
        delete alike.timer;
        if (alike.untold === 0) return void known.delete(key);
        send(repeated(alike), alike.parent);
        alike.untold = 0;
        alike.delay = Math.min(2 * alike.delay, late);
        tellLater(key, alike);
      },
      alike.untold > 0 ? alike.delay : quiet,
    ).unref();
  };
  return (thrown, parent) => {
    const error = thrownError(thrown);
    const key = JSON.stringify([parent, error.ename, error.evalue]);
    const alike = known.get(key) ?? { error, parent, count: 0, untold: 0, delay: soon };
    known.set(key, alike);
    if (++alike.count <= mostAlike) send(error, parent);
    else if (alike.untold++ === 0) {
      // It waits for quiet.
      clearTimeout(alike.timer);
      delete alike.timer;
    }
    tellLater(key, alike);
  };
}

function repeated({ error: { ename, evalue }, untold }: Alike): ThrownError {
  const message = `${evalue} (${untold === 1 ? 'once more' : `${untold} times more`})`;
  return { ename, evalue: message, traceback: [`\u001b[31m${ename}\u001b[39m: ${message}`] };
}
