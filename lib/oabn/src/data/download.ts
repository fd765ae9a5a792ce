/**
 * Downloads that can be interrupted: what has arrived stays in `<file>.part`, the next attempt asks only for
 * the rest (HTTP Range), and the file gets its name when its MD5 matches. Without a network this fails within
 * seconds.
 */
import { existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, fileDigest, makeFolder, silent, UserError, type Progress } from 'oabn-base';

/** How patient a download is; times are in milliseconds. */
export interface DownloadOptions {
  readonly progress?: Progress;
  /** Time for the server to answer, default 5 s. */
  readonly connectMilliseconds?: number;
  /** Longest silence in the middle of a transfer, default 30 s. */
  readonly stallMilliseconds?: number;
  /** How often a broken transfer is taken up again before giving up, default 5. */
  readonly attempts?: number;
  /** Wait before the first of these, doubled each time, default 1 s. */
  readonly retryMilliseconds?: number;
}

/** The server cannot be reached or does not have the file: being offline is not the user's mistake. */
export class DownloadError extends UserError {
  override readonly name = 'DownloadError';
}

/**
 * Fetches `url` to `path` unless `path` is there already.
 * @param md5 of the whole file, in hex
 * @throws DownloadError when the server does not answer or breaks off `attempts` times; UserError for another
 * MD5
 */
export async function downloadFile(
  url: string,
  path: string,
  md5: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { attempts = 5, retryMilliseconds = 1000 } = options;
  if (existsSync(path)) return;
  await makeFolder(dirname(path));
  const part = `${path}.part`;
  for (let attempt = 1; ; attempt++) {
    let answered = false;
    try {
      await fetchRest(url, part, options, () => (answered = true));
      break;
    } catch (error) {
      // A server that never answered will not do so in a second; one that broke off may well go on.
      if (!answered || attempt >= attempts) throw asDownloadError(url, error);
      await delay(retryMilliseconds * 2 ** (attempt - 1));
    }
  }
  await checkMd5(part, md5, url);
  await rename(part, path).catch((error: unknown) => {
    if (!existsSync(path)) throw error; // otherwise another process finished the same download first
  });
}

/**
 * @throws UserError with the file, the MD5 expected and the one found; the file is removed if it is a partial
 * one.
 */
export async function checkMd5(path: string, md5: string, source: string): Promise<void> {
  const found = await fileDigest(path, 'md5');
  if (found === md5) return;
  const size = await sizeOf(path);
  if (path.endsWith('.part')) await rm(path, { force: true });
  throw new UserError(
    `${basename(path)}: expected MD5 ${md5}, found ${found} (${size} bytes in ${path}). ` +
      `Remove the file and fetch it again from ${source}.`,
  );
}

/** Appends to `part` what is missing of `url`; calls `onAnswer` when the server begins to send it. */
async function fetchRest(
  url: string,
  part: string,
  options: DownloadOptions,
  onAnswer: () => void,
): Promise<void> {
  const { progress = silent, connectMilliseconds = 5000, stallMilliseconds = 30_000 } = options;
  const have = await sizeOf(part);
  const controller = new AbortController();
  const watch = watchdog(controller, connectMilliseconds, 'no answer');
  try {
    const response = await fetch(url, {
      signal: controller.signal,
      headers: have > 0 ? { Range: `bytes=${have}-` } : {},
    });
    if (response.status === 416) return; // nothing is missing; the MD5 tells whether that is true
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    onAnswer();
    const start = response.status === 206 ? have : 0;
    const total = start + Number(response.headers.get('content-length') ?? 0);
    // Written at positions, so that two processes that fetch the same file write the same bytes to the same
    // places.
    const file = await open(part, start > 0 ? 'r+' : 'w');
    try {
      let done = start;
      for await (const chunk of response.body) {
        watch.renew(stallMilliseconds, 'the transfer stalled');
        await file.write(chunk, 0, chunk.length, done);
        done += chunk.length;
        progress({ task: `download ${basename(url)}`, done: toMegabytes(done), total: toMegabytes(total) });
      }
      if (done < total) throw new Error(`the transfer ended at byte ${done} of ${total}`);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    watch.stop();
  }
}

/** Aborts unless it is renewed in time. */
function watchdog(controller: AbortController, milliseconds: number, reason: string) {
  const start = (time: number, why: string): NodeJS.Timeout =>
    setTimeout(() => controller.abort(new Error(`${why} for ${time / 1000} s`)), time);
  let timer = start(milliseconds, reason);
  return {
    renew(time: number, why: string) {
      clearTimeout(timer);
      timer = start(time, why);
    },
    stop: () => clearTimeout(timer),
  };
}

function asDownloadError(url: string, error: unknown): UserError {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return new DownloadError(`Cannot download ${url}: ${errorMessage(error)}${cause}`);
}

const toMegabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
