/**
 * Whether a cell can run as it stands: which a console asks after each line, to know whether Enter runs or
 * continues it.
 */
import ts from './typescript.js';

export type Completeness =
  { readonly status: 'complete' | 'invalid' } | { readonly status: 'incomplete'; readonly indent: string };

/**
 * Judges `source` by TypeScript's own parser: an error at the very end means that more is to come, any other
 * is a mistake.
 */
export function completenessOf(source: string): Completeness {
  const errors = syntaxErrors(source);
  if (errors.length === 0) return { status: 'complete' };
  const end = source.trimEnd().length;
  // Something unclosed ends at the end of the text: a bracket, a template, a comment.
  const atEnd = ({ start = 0, code }: ts.Diagnostic): boolean =>
    unterminated.has(code) || (start >= end && code !== unterminatedString);
  return errors.every(atEnd) ? { status: 'incomplete', indent: nextIndent(source) } : { status: 'invalid' };
}

/**
 * «Unterminated template literal», «an end of comment expected». A string or a regular expression ends with
 * its line.
 */
const unterminated: ReadonlySet<number> = new Set([1160, 1010]);

const unterminatedString = 1002;

function syntaxErrors(source: string): readonly ts.Diagnostic[] {
  const { diagnostics = [] } = ts.transpileModule(source, {
    fileName: 'cell.ts',
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
    },
  });
  return diagnostics;
}

/** Two spaces for each bracket that is open after the last line. */
function nextIndent(source: string): string {
  const scanner = ts.createScanner(ts.ScriptTarget.ES2022, true, ts.LanguageVariant.Standard, source);
  let depth = 0;
  for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
    if (opening.has(token)) depth++;
    else if (closing.has(token)) depth--;
  }
  return '  '.repeat(Math.max(0, depth));
}

const {
  OpenBraceToken,
  OpenParenToken,
  OpenBracketToken,
  CloseBraceToken,
  CloseParenToken,
  CloseBracketToken,
} = ts.SyntaxKind;
const opening: ReadonlySet<ts.SyntaxKind> = new Set([OpenBraceToken, OpenParenToken, OpenBracketToken]);
const closing: ReadonlySet<ts.SyntaxKind> = new Set([CloseBraceToken, CloseParenToken, CloseBracketToken]);
