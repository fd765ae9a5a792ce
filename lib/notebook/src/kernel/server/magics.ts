/**
 * The few lines of a cell that are not TypeScript: `%typecheck off` (or `warn`, or `error`) at its top, for
 * this and later cells, and `name?` or `name??` alone, which asks for documentation or source, as in IPython.
 */
import type { Typecheck } from '../language/language.js';

/** A name to be documented, with 1 for its source too. */
export interface CellQuestion {
  readonly name: string;
  readonly detail: 0 | 1;
}

export interface CellText {
  /** The TypeScript, with the other lines left empty so that the line numbers stay. */
  readonly code: string;
  readonly typecheck?: Typecheck;
  readonly question?: CellQuestion;
  /** What the cell begins with that only other kernels know, such as `%time`. */
  readonly unknown?: string;
}

/** `source`, taken apart. */
export function readCell(source: string): CellText {
  const question = /^\s*([\p{ID_Start}$_][\p{ID_Continue}$.]*)(\?{1,2})\s*$/u.exec(source);
  if (question) return { code: '', question: { name: question[1]!, detail: question[2] === '??' ? 1 : 0 } };
  const setting = /^(?:\s*\n)*[ \t]*%typecheck[ \t]+(error|warn|off)[ \t]*(?=\n|$)/.exec(source);
  if (!setting) {
    // No TypeScript begins with a percent sign.
    const unknown = /^\s*(%.*)/.exec(source)?.[1];
    return unknown === undefined ? { code: source } : { code: source, unknown };
  }
  const { length } = setting[0];
  const blank = setting[0].replace(/[^\n]/g, ' ');
  return { code: blank + source.slice(length), typecheck: setting[1] as Typecheck };
}
