/**
 * A notebook executed from top to bottom: its code cells run in one kernel, one after the other, until one
 * fails. The result is a new notebook with the outputs of this run in it. Cells that were not reached have
 * none, because what an earlier run left there may come from other code, parameters or data; in the file that
 * was executed, `keepUnreached` lets them keep it.
 */
import { stripVTControlCharacters } from 'node:util';
import { type Progress, type ProgressEvent, silent } from 'oabn-base';
import { progressMark } from '../display/index.js';
import { checkLanguage } from './language.js';
import { type Cell, type CodeCell, isCode, type Notebook } from './notebookFile.js';
import type { ErrorOutput, Output } from './outputs.js';
import type { Message } from '../protocol/message.js';
import { hasTag, type Parameters, sayUnknownParameters, withParameters } from './parameters.js';
import { savedOutputs, withErrorOutput } from './savedOutputs.js';
import { type Execution, type ExecutionStatus, type SessionOptions, startKernelSession } from './session.js';

/** A cell has begun, or has ended. */
export interface CellEvent {
  /** Which of the two. */
  readonly kind: 'started' | 'finished';
  /** The cell's place in the notebook, from 1. */
  readonly cell: number;
  /** The cell's code. */
  readonly source: string;
  /** Present when finished. */
  readonly status?: ExecutionStatus;
  /** How long it took; present when finished. */
  readonly seconds?: number;
  /** What it put out; present when finished. */
  readonly outputs?: readonly Output[];
}

/** How a notebook is executed, and what is reported about it. */
export interface ExecuteNotebookOptions extends SessionOptions {
  /** Seconds allowed for one cell; default: no limit. */
  readonly timeout?: number;
  /** Values for the notebook's parameters; see `withParameters`. A notice names those that it does not have. */
  readonly parameters?: Parameters;
  /** The notebook's name in progress events. */
  readonly name?: string;
  /** Called as the notebook proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called when a cell begins and ends. */
  readonly onCell?: (event: CellEvent) => void;
  /** Interrupts the running cell and ends the run. */
  readonly signal?: AbortSignal;
  /** Called after each cell with the notebook so far, in which the cells from index `reached` on are empty. */
  readonly save?: (soFar: Notebook, reached: number) => Promise<void>;
}

/** The cell that failed, and why. */
export interface Failure {
  /** The failed cell's place in the notebook, from 1. */
  readonly cell: number;
  /** How it ended. */
  readonly status: Exclude<ExecutionStatus, 'ok'>;
  /** The cell's code. */
  readonly source: string;
  /** The error in a line. */
  readonly error: string;
  /** The error with its frames, as text. */
  readonly traceback: string;
}

/** A notebook with its new outputs, and how far it came. */
export interface ExecutedNotebook {
  /** The notebook with its new outputs; cells that were not reached have none. */
  readonly notebook: Notebook;
  /** How many cells were reached, of all kinds: the index of the first that was not. */
  readonly reached: number;
  /** The cell that failed; absent if all went well. */
  readonly failure?: Failure;
  /** Code cells that ended well. */
  readonly cellsDone: number;
  /** All code cells. */
  readonly codeCells: number;
  /** How long it took. */
  readonly seconds: number;
}

const isError = (output: Output): output is ErrorOutput => output.output_type === 'error';

/**
 * Executes the code cells of `notebook` in a new kernel. A cell tagged `raises-exception` may fail, and one
 * tagged `skip-execution` is left as it is.
 * @throws UserError when the notebook is in another language or the kernel does not start; a failing cell is
 * not thrown but reported.
 */
export async function executeNotebook(
  notebook: Notebook,
  options: ExecuteNotebookOptions = {},
): Promise<ExecutedNotebook> {
  const { name = 'notebook', progress = silent, onCell = () => undefined, save } = options;
  checkLanguage(notebook, name);
  sayUnknownParameters(notebook, options.parameters ?? {}, name);
  const began = performance.now();
  const cells: Cell[] = withParameters(notebook, options.parameters).cells.map((cell) =>
    isCode(cell) && !isSkipped(cell) ? withoutOutputs(cell) : cell,
  );
  const codeCells = cells.filter(isCode).filter(runs).length;
  const report = (done: number, fields: ProgressEvent['fields']): void =>
    progress({ task: name, done, total: codeCells, ...(fields && { fields }) });

  if (codeCells === 0)
    return {
      notebook: { ...notebook, cells },
      reached: cells.length,
      cellsDone: 0,
      codeCells,
      seconds: 0,
    };
  report(0, { cell: 'starting the kernel' });
  // Nobody looks back at what a program typed, so no history is kept in the user's folder.
  const env = { JUPYTER_KERNEL_HISTORY: '0', ...options.env };
  const session = await startKernelSession({ ...options, env });
  let [cellsDone, reached, failure] = [0, 0, undefined as Failure | undefined];
  const executions: (Execution | undefined)[] = [];
  const soFar = (): Notebook => ({
    cells: cells.map((cell, i) => withExecution(cell, executions[i], options.timeout)),
    metadata: { ...notebook.metadata, language_info: session.languageInfo },
  });
  try {
    for (const [index, cell] of cells.entries()) {
      if (!isCode(cell) || !runs(cell)) continue;
      const number = index + 1;
      if (options.signal?.aborted) {
        failure = notBegun(number, cell.source);
        break;
      }
      report(cellsDone, { cell: `${number}: ${firstLine(cell.source)}` });
      onCell({ kind: 'started', cell: number, source: cell.source });
      const started = performance.now();
      const execution = await session.execute(cell.source, {
        ...options,
        onOutput: (message) => relayProgress(message, name, progress),
      });
      executions[index] = execution;
      reached = number;
      const { status, outputs } = execution;
      const seconds = (performance.now() - started) / 1000;
      onCell({ kind: 'finished', cell: number, source: cell.source, status, seconds, outputs });
      if (status !== 'ok' && !(status === 'error' && hasTag(cell, 'raises-exception'))) {
        failure = describeFailure(number, cell.source, execution, options.timeout);
        break;
      }
      cellsDone++;
      await save?.(soFar(), reached);
    }
    if (!failure) reached = cells.length;
  } finally {
    await session.close();
  }
  const seconds = (performance.now() - began) / 1000;
  if (!failure) report(codeCells, { seconds });
  return {
    notebook: soFar(),
    reached,
    ...(failure && { failure }),
    cellsDone,
    codeCells,
    seconds,
  };
}

/**
 * `run`, in which the cells from index `reached` on have what they had in `earlier`, a notebook with the same
 * cells.
 */
export function keepUnreached(run: Notebook, earlier: Notebook, reached: number): Notebook {
  return { ...run, cells: [...run.cells.slice(0, reached), ...earlier.cells.slice(reached)] };
}

const isSkipped = (cell: CodeCell): boolean => hasTag(cell, 'skip-execution');

const runs = (cell: CodeCell): boolean => cell.source.trim() !== '' && !isSkipped(cell);

const withoutOutputs = (cell: CodeCell): CodeCell => ({ ...cell, execution_count: null, outputs: [] });

function firstLine(source: string): string {
  const line = source.split('\n').find((text) => text.trim() !== '' && !text.trim().startsWith('//'));
  const text = (line ?? source).trim();
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** A bar in a cell is a bar of the run: our progress display carries its event. */
function relayProgress({ content }: Message, name: string, progress: Progress): void {
  const event = (content.metadata as Record<string, ProgressEvent | undefined> | undefined)?.[progressMark];
  if (event) progress({ ...event, task: `${name} · ${event.task}` });
}

function withExecution(cell: Cell, execution: Execution | undefined, timeout?: number): Cell {
  if (!isCode(cell) || !execution) return cell;
  const outputs = savedOutputs(execution.outputs);
  return {
    ...cell,
    execution_count: execution.executionCount,
    outputs: errorsOf(execution, outputs, timeout),
  };
}

function errorsOf(execution: Execution, outputs: readonly Output[], timeout?: number): Output[] {
  const { status, reason = '' } = execution;
  const say = (ename: string, evalue: string): Output[] => [
    ...outputs.filter((output) => !isError(output) || output.ename !== 'Interrupted'),
    { output_type: 'error', ename, evalue, traceback: [`${ename}: ${evalue}`] },
  ];
  switch (status) {
    case 'ok':
      return [...outputs];
    case 'error':
      return withErrorOutput(outputs);
    case 'timeout':
      return say('Timeout', `the cell ran longer than ${timeout} s`);
    case 'interrupted':
      return say('Interrupted', 'the run was interrupted in this cell');
    case 'died':
      return say('KernelDied', reason);
    default:
      return status satisfies never;
  }
}

function describeFailure(cell: number, source: string, execution: Execution, timeout?: number): Failure {
  const outputs = errorsOf(execution, execution.outputs, timeout);
  const { ename, evalue, traceback } = outputs.findLast(isError)!;
  const status = execution.status as Failure['status'];
  return {
    cell,
    status,
    source,
    error: `${ename}: ${evalue}`,
    traceback: stripVTControlCharacters(traceback.join('\n')),
  };
}

function notBegun(cell: number, source: string): Failure {
  const error = 'Interrupted: the run was interrupted before this cell began';
  return { cell, status: 'interrupted', source, error, traceback: '' };
}
