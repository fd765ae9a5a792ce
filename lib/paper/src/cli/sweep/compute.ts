/**
 * Computing a plan through the queue: data and finished runs go to the store, the plan to the queue, and
 * results come back.
 */
import { join } from 'node:path';
import { check, consoleProgress, formatDuration } from 'oabn-base';
import { datasetFiles } from 'oabn/data';
import type { Job, Lab } from 'oabn/experiment';
import type { Store } from 'provable-runs';
import { newSession, openObjects, putData, type SharedRuns, sharedRuns } from 'provable-runs/remote';
import { computeInQueue, connectQueue } from 'provable-runs/queue';
import { dataName, type JobOptions, plan, queueJobs } from './jobs.js';

export interface ComputeOptions extends JobOptions {
  readonly queue: string;
  readonly store: string;
  /** Prints a line next to the progress bar. */
  readonly say: (line: string) => void;
}

/**
 * Computes `jobs` on the workers of a queue, and brings their results into the labs' store. Ending this loses
 * no finished work: started again, here or on another machine, it continues.
 * @throws UserError naming the runs that failed, once all others are done
 */
export async function computeOnWorkers(
  jobs: readonly Job[],
  { queue, store, say, ...more }: ComputeOptions,
): Promise<void> {
  const began = performance.now();
  const [first] = jobs;
  if (!first) return;
  const { signal } = first.lab;
  const connection = await connectQueue(queue, { notice: say });
  try {
    const shared = sharedRuns(await openObjects(store, { notice: say, ...(signal && { signal }) }));
    for (const lab of new Set(jobs.map((job) => job.lab))) await shareData(lab, shared);
    await shareFinished(jobs, shared);
    const runs = first.lab.store.folder;
    const here = await finishedIn(first.lab.store);
    const planned = queueJobs(jobs, more);
    const { computed, failures } = await computeInQueue(connection, shared, planned, plan(), {
      progress: consoleProgress(),
      ...(signal && { signal }),
      notice: say,
      collect: async ({ hash }) => {
        if (!here.has(hash)) await shared.fetchRun(hash, runs);
      },
      onDone: ({ title }, done, total) =>
        say(`[${done}/${total}] ${title} · ${formatDuration((performance.now() - began) / 1000)} so far`),
    });
    say(`${computed} runs were computed on the workers of ${connection.address}`);
    check(
      failures.length === 0,
      () =>
        `${failures.length} of ${planned.length} runs failed; all others are done.\n` +
        failures.map(({ title, host, message }) => `  «${title}» on ${host}: ${message}`).join('\n'),
    );
  } finally {
    await connection.close();
  }
}

async function shareData({ train, data, opening, defaults }: Lab, { objects }: SharedRuns): Promise<void> {
  if (train.made) return;
  const found = await datasetFiles({
    name: opening.dataset ?? defaults.data.name,
    ...(opening.data !== undefined && { data: opening.data }),
  });
  if (found) await putData(objects, dataName(data), found.folder, found.files, consoleProgress());
}

/** The hashes of the runs that were computed here or fetched; reads every result, so it is asked once. */
async function finishedIn(store: Store): Promise<ReadonlySet<string>> {
  const done = (await store.list()).filter(({ status, from }) => status === 'done' && from === 'store');
  return new Set(done.map(({ hash }) => hash));
}

/**
 * Shares what was computed here before, so that it is not computed again elsewhere and others can start from
 * it.
 */
async function shareFinished(jobs: readonly Job[], shared: SharedRuns): Promise<void> {
  const there = await shared.doneHashes();
  const hashes = new Set(queueJobs(jobs).map(({ hash }) => hash));
  for (const { store } of new Set(jobs.map(({ lab }) => lab))) {
    for (const hash of await finishedIn(store)) {
      if (!hashes.has(hash) || there.has(hash)) continue;
      await shared.commit(hash, newSession(), join(store.folder, hash));
      there.add(hash);
    }
  }
}
