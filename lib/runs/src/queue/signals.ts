/** Combined abort signals. With `AbortSignal.any`, Node 20 drops sources that nothing else references. */

/** A signal that aborts as soon as one of `signals` does, until `end` is called. */
export function anyOf(signals: readonly (AbortSignal | undefined)[]): {
  readonly signal: AbortSignal;
  end(): void;
} {
  const controller = new AbortController();
  const all = signals.filter((each) => each !== undefined);
  const pass = (): void => controller.abort(all.find(({ aborted }) => aborted)?.reason);
  for (const each of all) each.addEventListener('abort', pass);
  if (all.some(({ aborted }) => aborted)) pass();
  return {
    signal: controller.signal,
    end: () => all.forEach((each) => each.removeEventListener('abort', pass)),
  };
}

/** How long a stopped worker waits for a queue that does not answer. */
const millisecondsForServer = 5000;

/**
 * The value of `work`; undefined if it has none some seconds after `stop`, because commands wait for a server
 * that is away.
 */
export async function unlessAway<T>(work: Promise<T>, stop: AbortSignal): Promise<T | undefined> {
  const over = new AbortController();
  const given = new Promise<undefined>((resolve) => {
    const giveUp = (): void => {
      const timer = setTimeout(() => resolve(undefined), millisecondsForServer);
      over.signal.addEventListener('abort', () => clearTimeout(timer));
    };
    if (stop.aborted) giveUp();
    else stop.addEventListener('abort', giveUp, { signal: over.signal });
  });
  return await Promise.race([work, given]).finally(() => over.abort());
}
