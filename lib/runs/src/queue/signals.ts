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
