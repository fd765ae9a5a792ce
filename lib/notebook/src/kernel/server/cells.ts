/** A cell from its text to its end: compiled by the language thread, run by the main thread. */
import type { Request } from '../../protocol/serverSockets.js';
import type { CompiledCell, Typecheck } from '../language/language.js';
import { formatProblem, type Problem } from '../language/problem.js';
import type { Outcome, ThrownError, ToRuntime } from '../threads.js';
import type { Language } from './languageClient.js';
import type { CellQuestion } from './magics.js';
import type { Publisher } from './publisher.js';

export interface CellsOptions {
  readonly language: Language;
  readonly publisher: Publisher;
  /** Called before each cell runs, with the text that the client sent. */
  beforeCell(code: string, cell: CompiledCell): Promise<void>;
  post(message: ToRuntime): void;
}

interface Cell {
  readonly request: Request;
  /** No other cell has it. */
  readonly number: number;
  /** What the reader sees as its number. */
  readonly count: number;
  readonly code: string;
  readonly silent: boolean;
  readonly typecheck: Typecheck;
}

export interface Cells {
  /** Resolves when the cell has ended. */
  run(cell: Cell): Promise<Outcome>;
  /** Receives how the cell of the request `id` ended. */
  done(id: string, outcome: Outcome): void;
  /** Ends the cells that are still being compiled. */
  interrupt(): void;
}

export function createCells({ language, publisher, beforeCell, post }: CellsOptions): Cells {
  const waiting = new Map<string, (outcome: Outcome) => void>();
  /** The cells that are being compiled, and whether they were interrupted meanwhile. */
  const compiling = new Map<number, { interrupted: boolean }>();

  const run = async ({ request, number, count, code, silent, typecheck }: Cell): Promise<Outcome> => {
    if (code.trim() === '') return { status: 'ok' };
    const compilation = { interrupted: false };
    compiling.set(number, compilation);
    const { problems, cell } = await language.compile(number, code, typecheck);
    compiling.delete(number);
    if (compilation.interrupted) {
      await language.settle(number, []);
      return { status: 'error', error: interruptedError };
    }
    if (!cell) return { status: 'error', error: typeError(problems, count) };
    if (problems.length > 0) publisher.stream('stderr', `${problemsText(problems, count)}\n`, request.header);
    if (!silent) await beforeCell(String(request.content.code), cell);
    const id = request.header.msg_id;
    const ended = new Promise<Outcome>((resolve) => waiting.set(id, resolve));
    post({ type: 'execute', id, count, silent, cell });
    const outcome = await ended;
    await language.settle(number, outcome.status === 'ok' ? undefined : outcome.set);
    return outcome;
  };

  return {
    run,
    done(id, outcome) {
      waiting.get(id)?.(outcome);
      waiting.delete(id);
    },
    interrupt() {
      for (const cell of compiling.values()) cell.interrupted = true;
    },
  };
}

/** What a cell such as `name??` shows. */
export async function documentationOf(language: Language, { name, detail }: CellQuestion): Promise<Outcome> {
  // An interface has no value, so it is looked for where a type stands, too.
  const asType = `let _: ${name}`;
  const found =
    (await language.inspect(name, name.length, detail)) ??
    (await language.inspect(asType, asType.length, detail));
  if (found) return { status: 'ok', page: found.text };
  const evalue = `nothing is known of «${name}»`;
  return { status: 'error', error: { ename: 'NameError', evalue, traceback: [evalue] } };
}

const interruptedError: ThrownError = {
  ename: 'Interrupted',
  evalue: 'the cell was interrupted',
  traceback: ['\u001b[31mInterrupted\u001b[39m: the cell was interrupted'],
};

const problemsText = (problems: readonly Problem[], count: number): string =>
  problems.map((problem) => formatProblem(problem, `Cell [${count}]`)).join('\n');

function typeError(problems: readonly Problem[], count: number): ThrownError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return {
    ename: first!.code.startsWith('TS1') && first!.code.length === 6 ? 'SyntaxError' : 'TypeScriptError',
    evalue: `${first!.message.split('\n', 1)[0]}${more}`,
    traceback: problemsText(problems, count).split('\n'),
  };
}
