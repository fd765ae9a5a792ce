/** The notebooks of the main job, executed side by side. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { check, consoleProgress, silent, UserError } from 'oabn-base';
import { threadsEach } from 'oabn/experiment';
import pLimit from 'p-limit';
import { type NotebookRun, runNotebook } from 'tslab-kernel/run';
import type { Labs, Profile } from '../profiles/index.js';
import type { ReportNotebook } from '../report/index.js';
import { kernelEnvironment } from './notebook.js';

/** Prints a line on standard error in place of the bar, which is redrawn below it. */
export function sayBesideBar(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${line}\n`);
}

/** Whether a profile's job executes the notebook: those of its story, or all. */
const isOfStory = (name: string, { story }: Profile): boolean =>
  story === undefined || story.some((prefix) => name.startsWith(prefix));

/** What the notebooks are executed with. */
export interface NotebookOptions {
  /** Whether to write the outputs into the notebooks themselves, too. */
  readonly write?: boolean;
  /** The folders of data and of runs. */
  readonly data?: string;
  readonly runs?: string;
}

/** In the project's folder. */
export const notebooksFolder = 'notebooks';

/**
 * Executes the project's notebooks, `workers` at a time, each with its share of the cores. A cell that fails
 * does not keep the others from running; a kernel that does not start would not start for them either.
 */
export async function runNotebooks(
  { cifar }: Labs,
  { write, data, runs }: NotebookOptions,
  workers: number,
): Promise<{ notebooks: ReportNotebook[]; failures: string[] }> {
  check(
    existsSync(notebooksFolder),
    () =>
      `There is no folder ${resolve(notebooksFolder)}; run reproduce in the project's folder, or with --no-notebooks`,
  );
  const names = readdirSync(notebooksFolder)
    .filter((name) => name.endsWith('.ipynb') && isOfStory(name, cifar.profile))
    .sort();
  let [stopped, done] = [false, 0];
  const failures: string[] = [];
  const inTurn = pLimit(workers);
  const progress = consoleProgress();
  const execute = async (name: string): Promise<(NotebookRun & { name: string }) | undefined> => {
    if (stopped) return undefined;
    const path = join(notebooksFolder, name);
    const result = await runNotebook(path, {
      write: write ?? false,
      env: {
        ...kernelEnvironment(cifar.profile.name),
        OABN_SHIPPED: '0',
        OABN_THREADS: String(threadsEach(workers)),
        ...(runs !== undefined && { OABN_RUNS_DIR: resolve(runs) }),
        ...(data !== undefined && existsSync(data) && { OABN_DATA_DIR: resolve(data) }),
      },
      // The bars of several notebooks would overwrite each other, so a single bar counts the notebooks.
      progress: workers > 1 ? silent : progress,
    }).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      if (!stopped) failures.push(`${path}: ${error.message}`);
      stopped = true;
    });
    if (!result) return undefined;
    if (workers > 1) {
      sayBesideBar(result.summary);
      progress({ task: 'notebooks', done: ++done, total: names.length });
    }
    stopped ||= result.failure?.status === 'interrupted';
    if (!result.ok) failures.push(result.summary);
    return { ...result, name };
  };
  const results = await Promise.all(names.map((name) => inTurn(() => execute(name))));
  const executed = results.flatMap((result) => result ?? []);
  return {
    notebooks: executed.map(({ name, notebook }) => ({ name: basename(name, '.ipynb'), notebook })),
    failures,
  };
}
