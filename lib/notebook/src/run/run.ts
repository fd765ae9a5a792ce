/**
 * `runNotebook`: an .ipynb file executed through the kernel, from Node alone. The outputs are written back
 * into the file and, if wanted, into an HTML page. A failing cell ends the run, and so does an interrupt. The
 * file is written after each cell, whole: the cells that ran have their new outputs, those that were not
 * reached the ones that they had. Another file and the page show this run only.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { checkWritable, formatDuration, type Progress, writeFileAtomic } from 'oabn-base';
import {
  type CellEvent,
  type ExecutedNotebook,
  executeNotebook,
  type Failure,
  keepUnreached,
} from './execute.js';
import { exportHtml, type PageAdditions } from '../html/index.js';
import { checkLanguage } from './language.js';
import { type Parameters, withParameters } from './parameters.js';
import { isCode, type Notebook, readNotebook, writeNotebook } from './notebookFile.js';

/** How a notebook's file is executed, and what is written. */
export interface RunNotebookOptions {
  /** Whether to write the outputs back into the .ipynb; default true. */
  readonly write?: boolean;
  /** Where to write the executed notebook instead of over the file itself. */
  readonly output?: string;
  /** Values for the notebook's parameters; see `withParameters`. A notice names those that it does not have. */
  readonly parameters?: Parameters;
  /** A folder for `<name>.html`, a self-contained page. */
  readonly html?: string;
  /** What to add to the page besides its own style and script. */
  readonly additions?: PageAdditions;
  /** Seconds allowed for one cell; default: no limit. */
  readonly timeout?: number;
  /** Added to this process's environment for the kernel. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called as the notebook proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called when a cell begins and ends. */
  readonly onCell?: (event: CellEvent) => void;
  /** Interrupts the run when it aborts; without one, Ctrl-C in the terminal does. */
  readonly signal?: AbortSignal;
}

/** The outcome of running a notebook. */
export interface NotebookRun {
  /** The file that was read. */
  readonly path: string;
  /** True when every code cell ended well. */
  readonly ok: boolean;
  /** The cell that failed, and its error; absent if all went well. */
  readonly failure?: Failure;
  /** Code cells that ran to their end. */
  readonly cellsDone: number;
  /** All code cells. */
  readonly codeCells: number;
  /** Wall-clock time of the whole run. */
  readonly seconds: number;
  /** The notebook after execution; cells that were not reached have no outputs here. */
  readonly notebook: Notebook;
  /** The page, if one was asked for. */
  readonly html?: string;
  /** The result for people: one line, or the failing cell with its error. */
  readonly summary: string;
}

/**
 * Executes the notebook at `path` in its own folder, as Jupyter does.
 * @throws UserError when it cannot be read, is in another language or the kernel does not start; nothing is
 * written then.
 */
export async function runNotebook(path: string, options: RunNotebookOptions = {}): Promise<NotebookRun> {
  const { write = true, html, additions } = options;
  const name = basename(path, '.ipynb');
  const page = html === undefined ? undefined : join(html, `${name}.html`);
  const read = await readNotebook(path);
  checkLanguage(read, path);
  if (page !== undefined) await checkWritable(page);
  const before = withParameters(read, options.parameters);
  const output = options.output ?? (write ? path : undefined);
  const inPlace = output !== undefined && resolve(output) === resolve(path);
  const save = async (soFar: Notebook, reached: number): Promise<void> => {
    if (output === undefined) return;
    await writeNotebook(output, inPlace ? keepUnreached(soFar, before, reached) : soFar);
  };
  const interrupt = options.signal ? undefined : interruptSignal();
  try {
    const executed = await executeNotebook(before, {
      ...options,
      name,
      folder: dirname(resolve(path)),
      signal: options.signal ?? interrupt!.signal,
      save,
    });
    const { notebook, reached, failure, cellsDone, codeCells, seconds } = executed;
    if (reached > 0 || !failure) await save(notebook, reached);
    if (page !== undefined)
      await writeFileAtomic(
        page,
        await exportHtml(notebook, { title: name, ...(additions && { additions }) }),
      );
    return {
      path,
      ok: !failure,
      ...(failure && { failure }),
      cellsDone,
      codeCells,
      seconds,
      notebook,
      ...(page !== undefined && { html: page }),
      summary: summarize(path, executed, inPlace),
    };
  } finally {
    interrupt?.dispose();
  }
}

function summarize(
  path: string,
  { notebook, reached, failure, cellsDone, codeCells, seconds }: ExecutedNotebook,
  inPlace: boolean,
): string {
  if (!failure) return `${path}: ${codeCells} code cells in ${formatDuration(seconds)}`;
  const { cell, source, status, error, traceback } = failure;
  const what = {
    error: 'failed',
    timeout: 'ran too long',
    interrupted: 'was interrupted',
    died: 'ended the kernel',
  };
  const lines = source.split('\n');
  const shown = lines.length > 12 ? [...lines.slice(0, 11), `… ${lines.length - 11} more lines`] : lines;
  return [
    `${path}: cell ${cell} ${what[status]} (${cellsDone} of ${codeCells} code cells done): ${error}`,
    ...shown.map((line) => `  | ${line}`),
    ...(traceback === '' ? [] : traceback.split('\n').map((line) => `  ${line}`)),
    ...(inPlace && notebook.cells.slice(reached).some(isCode) ? [keptOutputs(notebook, reached)] : []),
  ].join('\n');
}

/** What the file has in the cells that were not reached. */
function keptOutputs({ cells }: Notebook, reached: number): string {
  const first = cells.findIndex((cell, index) => index >= reached && isCode(cell)) + 1;
  return `  From cell ${first} on, the file keeps the outputs that it had.`;
}

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A signal that aborts on the first Ctrl-C or the like; the second ends the process, and its kernels with it.
 */
function interruptSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  for (const name of endingSignals) process.on(name, onInterrupt);
  const dispose = (): void => endingSignals.forEach((name) => process.removeListener(name, onInterrupt));
  return { signal: controller.signal, dispose };
}
