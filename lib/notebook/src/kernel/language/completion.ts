/**
 * What can be written at a position of a cell, ranked as tslab ranks it: what begins with the word there,
 * then what begins with it in another case, and, if there is none, what contains it.
 */
import ts from './typescript.js';
import type { CellFile } from './cells.js';

export interface Completions {
  /** The span that a completion replaces, in the cell's source. */
  readonly start: number;
  readonly end: number;
  readonly entries: readonly { readonly name: string; readonly kind: string }[];
}

/** Jupyter's words for the kinds of TypeScript that it shows with their own icon. */
const kinds: Readonly<Record<string, string>> = {
  method: 'function',
  'local function': 'function',
  getter: 'property',
  setter: 'property',
  const: 'instance',
  let: 'instance',
  var: 'instance',
  'local var': 'instance',
  parameter: 'instance',
  alias: 'instance',
  script: 'path',
  directory: 'path',
  'external module name': 'module',
};

/** Position-dependent completions of `file`, whose source is `source`. */
export function completionsAt(
  service: ts.LanguageService,
  file: CellFile,
  source: string,
  position: number,
  kindOfName: (name: string) => string | undefined,
): Completions {
  const at = file.start + position;
  const info = service.getCompletionsAtPosition(file.path, at, {
    includeCompletionsWithInsertText: false,
    includeCompletionsForModuleExports: false,
  });
  const word = wordAt(source, position);
  const span = info?.entries.find(({ replacementSpan }) => replacementSpan)?.replacementSpan;
  const start = span ? span.start - file.start : word.start;
  const end = span ? span.start + span.length - file.start : word.end;
  const typed = source.slice(start, position);
  const ranked = (info?.entries ?? [])
    .filter(({ name }) => !/^__(?:cell|scope|m\d*)/.test(name))
    .map((entry) => ({ entry, rank: rankOf(entry.name, typed) }))
    .filter(({ rank }) => rank !== undefined)
    .filter(({ rank }, _index, all) => rank !== contains || all.every((other) => other.rank === contains))
    .sort((a, b) => a.rank! - b.rank! || compare(a.entry.sortText, b.entry.sortText) || compare(a.entry.name, b.entry.name)); // prettier-ignore
  return {
    start,
    end,
    entries: ranked.map(({ entry: { name, kind } }) => ({
      name,
      // What comes from an earlier cell is an alias for TypeScript, whatever it is.
      kind: (kind === 'alias' && kindOfName(name)) || (kinds[kind] ?? kind),
    })),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The rank of what only contains the word; it is offered where nothing begins with it. */
const contains = 2;

function rankOf(name: string, typed: string): number | undefined {
  if (name.startsWith(typed)) return 0;
  const [lowerName, lower] = [name.toLowerCase(), typed.toLowerCase()];
  if (lowerName.startsWith(lower)) return 1;
  return lowerName.includes(lower) ? contains : undefined;
}

/** The identifier around `position`; empty where there is none. */
function wordAt(source: string, position: number): { start: number; end: number } {
  const before = /[\p{ID_Continue}$]*$/u.exec(source.slice(0, position))![0];
  const after = /^[\p{ID_Continue}$]*/u.exec(source.slice(position))![0];
  return { start: position - before.length, end: position + (before === '' ? 0 : after.length) };
}
