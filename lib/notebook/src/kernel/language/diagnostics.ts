/** Type errors as a cell shows them: where, what, and the line with the fault underlined. */
import ts from 'typescript';
import { withoutCellPaths } from './cells.js';

export interface Problem {
  /** The file's name beside the notebook; undefined for the cell itself. */
  readonly file?: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Such as `TS2322`. */
  readonly code: string;
  readonly message: string;
  /** The line, and below it a line of `~` under the fault. */
  readonly excerpt: readonly [line: string, mark: string];
}

/** What is wrong at `diagnostic`, with lines counted from `start`, an offset at the beginning of a line. */
export function problemOf(diagnostic: ts.Diagnostic, start: number, end: number, file?: string): Problem {
  const text = diagnostic.file?.text ?? '';
  // What goes wrong in the lines that we add, a missing brace for example, is the end of the user's text.
  const at = Math.min(Math.max(diagnostic.start ?? start, start), end);
  const lineStart = Math.max(text.lastIndexOf('\n', at - 1) + 1, start);
  const lineEnd = text.indexOf('\n', at);
  const line = text.slice(lineStart, Math.min(lineEnd < 0 ? text.length : lineEnd, Math.max(end, at)));
  const column = at - lineStart;
  const length = Math.max(1, Math.min(diagnostic.length ?? 1, line.length - column));
  const mark = line.slice(0, column).replace(/[^\t]/g, ' ') + '~'.repeat(length);
  return {
    ...(file !== undefined && { file }),
    line: text.slice(start, at).split('\n').length,
    column: column + 1,
    code: `TS${diagnostic.code}`,
    message: withoutCellPaths(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')),
    excerpt: [line, mark],
  };
}

/** `Cell [3], line 1, column 7 - TS2322: …` with the line underlined. */
export function formatProblem({ file, line, column, code, message, excerpt }: Problem, cell: string): string {
  const number = String(line).padStart(6);
  return [
    `${file ?? cell}, line ${line}, column ${column} - ${code}: ${message}`,
    `${number} | ${excerpt[0]}`,
    `${' '.repeat(number.length)} | ${excerpt[1]}`,
  ].join('\n');
}
