/**
 * Ending from outside: Ctrl-C, SIGTERM (a job that is preempted) and SIGHUP (a terminal that closes) end a
 * run between two steps, with a checkpoint. A second signal ends the process at once.
 */
import { constants } from 'node:os';
import { diskError, errorMessage } from 'oabn-base';
import { millisecondsOf, timeIsOver } from './deadline.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type EndingSignal = (typeof signals)[number];

/** The error with which a signal ends a run, named like that of `AbortController.abort`. */
class Interruption extends DOMException {
  constructor(readonly signal: EndingSignal) {
    super(`Ended by ${signal}`, 'AbortError');
  }
}

/** Aborts at the first signal or the deadline. */
export function interruption(minutes?: string): AbortSignal {
  // One controller, because with AbortSignal.any Node 20 forgets a timeout that nothing else refers to.
  const controller = new AbortController();
  const end = (signal: EndingSignal): void => {
    for (const name of signals) process.removeListener(name, end);
    controller.abort(new Interruption(signal));
  };
  for (const name of signals) process.on(name, end);
  const milliseconds = millisecondsOf(minutes);
  if (milliseconds !== undefined) {
    setTimeout(() => controller.abort(timeIsOver()), milliseconds).unref();
  }
  return controller.signal;
}

/**
 * The exit code that a shell expects for what was thrown, if it was an interruption: 128 plus the signal's
 * number.
 */
export function interruptionCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || error.name !== 'AbortError') return undefined;
  return 128 + constants.signals[error instanceof Interruption ? error.signal : 'SIGINT'];
}

/**
 * Lets the work continue when nobody reads its output any more (`oabn … | head -0`); where printing fails for
 * another reason, such as a full disk, ends the process with a message and exit code 2.
 */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
      if (stream === process.stdout)
        process.stderr.write(`oabn: ${errorMessage(diskError('the standard output', error))}\n`);
      process.exit(2);
    });
  }
}
