/**
 * Requests that fail when nothing moves, however long they take as a whole: a large file over a slow line
 * takes hours, but it keeps moving.
 */

/** What is asked for. */
export interface Request {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Blob;
}

/**
 * `fetch`, whose request or answer breaks off when for `milliseconds` nothing is sent and nothing arrives.
 * Its body goes out as a stream of known length, because only a stream says how far it has got.
 */
export async function fetchUnlessSilent(
  url: URL,
  { method, headers, body }: Request,
  milliseconds: number,
): Promise<Response> {
  const controller = new AbortController();
  const giveUp = (): void => controller.abort(new Error(`silent for ${milliseconds / 1000} s`));
  // Nothing waits for an answer that is not read to its end, so its timer must not keep the process.
  const timer = setTimeout(giveUp, milliseconds).unref();
  const renewing = (flush: () => void): TransformStream<Uint8Array, Uint8Array> =>
    new TransformStream({
      transform(chunk, to) {
        timer.refresh();
        to.enqueue(chunk);
      },
      flush,
    });
  const blob = body instanceof Uint8Array ? new Blob([body as Uint8Array<ArrayBuffer>]) : body;
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(blob && { 'content-length': String(blob.size) }) },
      ...(blob && { body: blob.stream().pipeThrough(renewing(() => undefined)), duplex: 'half' }),
      signal: controller.signal,
    });
    timer.refresh();
    return new Response(response.body?.pipeThrough(renewing(() => clearTimeout(timer))) ?? null, response);
  } catch (error) {
    clearTimeout(timer);
    throw error;
  }
}
