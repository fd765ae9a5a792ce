/** What a scenario of the torture suite is, and what several of them need. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, UserError } from 'oabn-base';

/** The bits of an undisturbed run, or an error that a user can act on. */
export type Outcome = 'same' | 'refused';

export interface Scenario {
  readonly name: string;
  /**
   * Whether it starts whole commands, and takes many seconds: those are left to suites of minutes and hours.
   */
  readonly heavy?: boolean;
  /** Why it cannot be played on this machine. */
  readonly leftOut?: () => Promise<string | undefined>;
  /** Makes, once, what an undisturbed run leaves; no part of the scenario's time. */
  readonly prepare?: () => Promise<unknown>;
  /** @throws anything, where the outcome is neither */
  readonly run: (stream: Random, folder: string) => Promise<Outcome>;
}

/** `refused` where `work` throws what a user can act on; anything else is a defect. */
export async function orRefused(work: () => unknown): Promise<Outcome> {
  try {
    await work();
    return 'same';
  } catch (error) {
    if (error instanceof UserError) return 'refused';
    throw error;
  }
}

export const pick = <T>(stream: Random, items: readonly T[]): T => items[stream.integer(items.length)]!;

/** That no temporary file and no lock is left in `folder`. */
export async function nothingLeft(folder: string): Promise<void> {
  const left = (await readdir(folder, { recursive: true })).filter((name) => /\.tmp$|(^|\/)lock$/.test(name));
  assert.deepEqual(left, []);
}

/** The processes that have `TMPDIR=folder` in their environment. */
async function processesIn(folder: string): Promise<number[]> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const environment = await readFile(`/proc/${id}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(`TMPDIR=${folder}`);
    }),
  );
  return ids.filter((_, i) => found[i]).map(Number);
}

/**
 * Waits until the processes of `folder` have ended. @throws after half a minute, which they should not need
 */
export async function allEnded(folder: string): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(100)) {
    const left = await processesIn(folder);
    if (left.length === 0) return;
    assert.ok(Date.now() < end, `processes ${left.join(', ')} did not end`);
  }
}

/** Where a scenario's processes put what is temporary: a folder that must be empty when they have ended. */
export const temporaryIn = (folder: string): string => join(folder, 'tmp');
