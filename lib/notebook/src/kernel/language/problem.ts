/**
 * Type errors as a cell shows them: where, what, and the line with the error underlined. This file does not
 * need TypeScript.
 */

export interface Problem {
  /** The file's name next to the notebook; undefined for the cell itself. */
  readonly file?: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Such as `TS2322`. */
  readonly code: string;
  readonly message: string;
  /** The line, and below it a line with `~` under the error. */
  readonly excerpt: readonly [line: string, mark: string];
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
