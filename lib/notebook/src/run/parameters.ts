/**
 * Parameters of a notebook, as papermill has them: a cell tagged `parameters` holds the defaults, and a run
 * may put a cell with other values right after it. A cell that an earlier run put there is replaced.
 */
import { check, sha256 } from 'oabn-base';
import type { Cell, CodeCell, Notebook } from './notebookFile.js';

/** Values of a notebook's parameters, by name; each must be JSON. */
export type Parameters = Readonly<Record<string, unknown>>;

const tagsOf = ({ metadata }: Cell): readonly string[] =>
  Array.isArray(metadata.tags) ? (metadata.tags as string[]) : [];

/** Whether `cell` has the tag `tag`. */
export const hasTag = (cell: Cell, tag: string): boolean => tagsOf(cell).includes(tag);

const injected = 'injected-parameters';

/**
 * `notebook` with a cell that sets `parameters` after the one tagged `parameters`, or at the beginning if
 * there is none.
 * @throws UserError for a name that is not an identifier, or a value that is not JSON.
 */
export function withParameters(notebook: Notebook, parameters: Parameters = {}): Notebook {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return notebook;
  const source = ['// Parameters', ...entries.map(([name, value]) => assignment(name, value))].join('\n');
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

function assignment(name: string, value: unknown): string {
  check(
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name),
    `A parameter is named like a variable, not «${name}»`,
  );
  const json = JSON.stringify(value) as string | undefined;
  check(json !== undefined, `The parameter ${name} has a value that JSON cannot express`);
  return `let ${name} = ${json};`;
}

/**
 * The parameter in `text`, such as `s=0.5` or `name=resnet`: a JSON value, or else the text itself.
 * @throws UserError without a `=`.
 */
export function parseParameter(text: string): [name: string, value: unknown] {
  const at = text.indexOf('=');
  check(at > 0, `A parameter is given as name=value, not «${text}»`);
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}
