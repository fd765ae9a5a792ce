/**
 * Parameters of a notebook, as papermill has them: a cell tagged `parameters` holds the defaults, and a run
 * may put a cell with other values right after it. A cell that an earlier run put there is replaced.
 */
import { check, errorMessage, sayNotice, sha256, UserError } from 'oabn-base';
import type { Cell, CodeCell, Notebook } from './notebookFile.js';

/** Values of a notebook's parameters, by name; each must be JSON, in which numbers may be NaN or infinite. */
export type Parameters = Readonly<Record<string, unknown>>;

const tagsOf = ({ metadata }: Cell): readonly string[] =>
  Array.isArray(metadata.tags) ? (metadata.tags as string[]) : [];

/** Whether `cell` has the tag `tag`. */
export const hasTag = (cell: Cell, tag: string): boolean => tagsOf(cell).includes(tag);

const injected = 'injected-parameters';

/**
 * `notebook` with a cell that sets `parameters` after the one tagged `parameters`, with the types that are
 * written there, or at the beginning if there is none.
 * @throws UserError for a name that is not an identifier, or a value that is not JSON.
 */
export function withParameters(notebook: Notebook, parameters: Parameters = {}): Notebook {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return notebook;
  const defaults = notebook.cells.find((each) => hasTag(each, 'parameters'))?.source ?? '';
  const source = [
    '// Parameters',
    ...entries.map(([name, value]) => declaration(name, value, typeOf(name, defaults))),
  ].join('\n');
  const cell: CodeCell = {
    cell_type: 'code',
    id: sha256(source).slice(0, 8),
    metadata: { tags: [injected] },
    source,
    execution_count: null,
    outputs: [],
  };
  const cells = notebook.cells.filter((each) => !hasTag(each, injected));
  const at = cells.findIndex((each) => hasTag(each, 'parameters')) + 1;
  return { ...notebook, cells: [...cells.slice(0, at), cell, ...cells.slice(at)] };
}

/**
 * Says which of `parameters` the cell tagged `parameters` does not have: they are set, but a misspelt one
 * changes nothing.
 */
export function sayUnknownParameters(notebook: Notebook, parameters: Parameters, name: string): void {
  const cell = notebook.cells.find((each) => hasTag(each, 'parameters'));
  if (!cell) return;
  const source = cell.source.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
  const words = new Set(source.match(identifier));
  const unknown = Object.keys(parameters).filter((each) => !words.has(each));
  if (unknown.length === 0) return;
  sayNotice(`${name}: the cell tagged «parameters» does not declare ${unknown.join(', ')}`);
}

const identifier = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;

/** `: T` if `source` declares `name` with a type T on a line of its own; later cells may rely on it. */
function typeOf(name: string, source: string): string {
  const declared = new RegExp(
    `^\\s*(?:export\\s+)?(?:const|let|var)\\s+${name.replaceAll('$', '\\$')}\\s*(:[^=;]+?)\\s*=(?!>)`,
    'm',
  );
  return declared.exec(source)?.[1] ?? '';
}

function declaration(name: string, value: unknown, type: string): string {
  check(
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name),
    `A parameter is named like a variable, not «${name}»`,
  );
  let json: string | undefined;
  try {
    json = JSON.stringify(value) as string | undefined;
  } catch (error) {
    throw new UserError(`The parameter ${name} has a value that JSON cannot express: ${errorMessage(error)}`);
  }
  check(json !== undefined, `The parameter ${name} has a value that JSON cannot express`);
  return `let ${name}${type} = ${literalOf(value)};`;
}

/** `value` in TypeScript: as JSON has it, except for the numbers that JSON lacks. */
function literalOf(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map(literalOf).join(',')}]`;
  if (typeof value !== 'object' || value === null || 'toJSON' in value)
    return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => JSON.stringify(member) !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${literalOf(member)}`).join(',')}}`;
}

/**
 * The parameter in `text`, such as `s=0.5` or `name=resnet`: a JSON value, NaN, ±Infinity, or else the text
 * itself.
 * @throws UserError without a `=`.
 */
export function parseParameter(text: string): [name: string, value: unknown] {
  const at = text.indexOf('=');
  check(at > 0, `A parameter is given as name=value, not «${text}»`);
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  if (/^(?:NaN|-?Infinity)$/.test(value)) return [name, Number(value)];
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}
