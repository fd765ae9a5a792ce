/**
 * Waiting out temporary failures. A bucket that refuses for a minute, a network that is cut, a disk that
 * somebody will clear: none of them is a reason to lose a night's work, so requests are repeated with growing
 * pauses, and the reason for waiting is reported once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, UserError } from 'oabn-base';
import type { Objects } from './objects.js';

/** How long an unreachable place is waited for. */
export interface Patience {
  /** How long a request is repeated; default 10 minutes. */
  readonly seconds?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** Called when a place cannot be reached and is being waited for; default standard error. */
  readonly notice?: (message: string) => void;
}

/** An error that may go away; all others are thrown at once. */
export class PassingError extends Error {
  override readonly name = 'PassingError';
}

/** Thrown when patience has run out. */
export class UnreachableError extends UserError {
  override readonly name = 'UnreachableError';
}

/** Errors of a file system that may pass. ESTALE is what NFS reports after its server came back. */
const passingCodes = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'ESTALE',
  'EBUSY',
  'EAGAIN',
  'ETIMEDOUT',
  'EHOSTDOWN',
]);

/** Whether an error of a store may go away. */
export const mayPass = (error: unknown): boolean =>
  error instanceof PassingError || passingCodes.has((error as NodeJS.ErrnoException | undefined)?.code ?? '');

const longestPause = 15_000;

/** The value of `work`, which is repeated as long as it throws errors that may pass. */
async function patiently<T>(
  what: string,
  work: () => Promise<T>,
  { seconds = 600, signal, notice = (message) => process.stderr.write(`${message}\n`) }: Patience,
): Promise<T> {
  const began = performance.now();
  let said = false;
  for (let pause = 200; ; pause = Math.min(longestPause, 2 * pause)) {
    try {
      const value = await work();
      if (said) notice(`${what} works again.`);
      return value;
    } catch (error) {
      if (!mayPass(error)) throw error;
      const waited = (performance.now() - began) / 1000;
      if (waited > seconds) {
        throw new UnreachableError(
          `${what} has not worked for ${Math.round(waited)} s: ${errorMessage(error)}. Make sure that it can be reached, and try again.`,
          { cause: error },
        );
      }
      // A single lost packet is not worth a message.
      if (!said && waited > 2) {
        notice(`${what} does not work at the moment (${errorMessage(error)}); trying again.`);
        said = true;
      }
      // Machines that lost the same server must not all come back at the same moment.
      await sleep(pause * (0.5 + Math.random()), undefined, signal && { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

/** `objects` whose requests are repeated while they fail for a reason that may pass. */
export function patient(objects: Objects, patience: Patience): Objects {
  const { address } = objects;
  const on = <T>(work: () => Promise<T>): Promise<T> => patiently(`The store ${address}`, work, patience);
  return {
    address,
    get: (key) => on(() => objects.get(key)),
    put: (key, bytes, options) => on(() => objects.put(key, bytes, options)),
    getFile: (key, path) => on(() => objects.getFile(key, path)),
    putFile: (key, path) => on(() => objects.putFile(key, path)),
    list: (prefix) => on(() => objects.list(prefix)),
    remove: (keys) => on(() => objects.remove(keys)),
  };
}
