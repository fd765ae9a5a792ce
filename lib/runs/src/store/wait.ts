/** Waiting for a run that another process computes, showing how far it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { type Progress, UserError } from 'oabn-base';
import { type Attempt, type Lock, newWatch, tryLock } from './lock.js';
import { readMetrics } from './metrics.js';
import { describeOwner, type Owner } from './owner.js';
import { fileNames } from './files.js';
import { readPublishedProgress } from './session.js';

export interface WaitOptions {
  /** Throw instead of waiting. */
  readonly noWait: boolean;
  readonly progress: Progress;
  readonly notice: (message: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * The lock of the run in `folder`, once it is free, with those who held it while we waited.
 * @throws UserError when it is held and `noWait` is set; the signal's reason when aborted
 */
export async function lockRun(
  folder: string,
  options: WaitOptions,
): Promise<{ lock: Lock; waitedFor: Owner[] }> {
  const watch = newWatch();
  const waitedFor: Owner[] = [];
  let shown = '';
  for (let pause = 25; ; pause = Math.min(500, 1.5 * pause)) {
    options.signal?.throwIfAborted();
    const attempt: Attempt = await tryLock(join(folder, fileNames.lock), watch);
    if (attempt.kind === 'locked') return { lock: attempt.lock, waitedFor };
    const { owner } = attempt;
    const who = describeOwner(owner);
    if (options.noWait) {
      throw new UserError(
        `Run ${folder} has been in progress in ${who} since ${owner.since}. Wait for it, or stop that process and try again.`,
      );
    }
    if (!waitedFor.some(({ nonce }) => nonce === owner.nonce)) {
      waitedFor.push(owner);
      options.notice(`Run ${folder} is being computed by ${who}; waiting for its result.`);
    }
    shown = await showProgress(folder, owner, options.progress, shown);
    await sleep(pause, undefined, { signal: options.signal }).catch(() => options.signal?.throwIfAborted());
  }
}

/**
 * Passes on what the owner last published, if it is new, else the last row of its metrics; returns what is
 * shown.
 */
async function showProgress(
  folder: string,
  owner: Owner,
  progress: Progress,
  shown: string,
): Promise<string> {
  const published = readPublishedProgress(folder);
  const latest =
    published?.owner === owner.nonce
      ? { ...published.event, task: `${published.event.task} (in process ${owner.pid})` }
      : await lastRow(folder, owner);
  const text = JSON.stringify(latest);
  if (latest && text !== shown) progress(latest);
  return text;
}

async function lastRow(folder: string, owner: Owner): Promise<Parameters<Progress>[0] | undefined> {
  const row = (await readMetrics(join(folder, fileNames.metrics))).at(-1);
  if (!row) return undefined;
  const fields = Object.fromEntries(
    Object.entries(row).filter((entry): entry is [string, number | string] =>
      ['number', 'string'].includes(typeof entry[1]),
    ),
  );
  // Its metrics do not tell how many steps there will be.
  return { task: `waiting for process ${owner.pid}`, done: 0, total: 1, fields };
}
