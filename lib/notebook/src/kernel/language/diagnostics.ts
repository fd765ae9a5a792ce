/** From TypeScript's diagnostics to the problems of a cell. */
import ts from './typescript.js';
import { type CellNames, withoutCellPaths } from './cells.js';
import type { Problem } from './problem.js';

/** What is wrong at `diagnostic`, with lines counted from `start`, an offset at the beginning of a line. */
export function problemOf(diagnostic: ts.Diagnostic, start: number, end: number, file?: string): Problem {
  const text = diagnostic.file?.text ?? '';
  // A mistake that shows in the lines that we add, such as a missing brace, is placed at the end of the
  // user's text.
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

/** `problem` in the words of a reader who sees cells: what an earlier one declares comes in as an import. */
export function forReaders(problem: Problem, { values }: CellNames): Problem {
  const [, name = ''] = /^Cannot assign to '(.*)' because it is an import\.$/.exec(problem.message) ?? [];
  const origin = values.get(name);
  if (!origin || origin.imported) return problem;
  const what = origin.kind === 'instance' ? 'constant' : origin.kind;
  const article = what === 'enum' ? 'an' : 'a';
  return { ...problem, message: `Cannot assign to '${name}' because it is ${article} ${what}.` };
}
