/**
 * Notebook files: nbformat 4, read from any minor version and written as 4.5 in exactly the form in which
 * Jupyter writes them (sorted keys, an indent of one, text as a list of lines), so that a notebook saved by
 * either gives small differences. Meaningless changes, such as times in the metadata, are not written.
 */
import { readFile } from 'node:fs/promises';
import { check, parseJson, schema, sha256, UserError, writeFileAtomic } from 'oabn-base';
import { kernelDisplayName, kernelLanguage, kernelName } from '../kernel/kernelName.js';
import { type MimeBundle, omit, type Output } from './outputs.js';

interface CellBase {
  readonly id: string;
  readonly metadata: MimeBundle;
  readonly source: string;
}

/** A cell with code, and its outputs. */
export interface CodeCell extends CellBase {
  readonly cell_type: 'code';
  readonly execution_count: number | null;
  readonly outputs: readonly Output[];
}

/** A cell with text. */
export interface TextCell extends CellBase {
  readonly cell_type: 'markdown' | 'raw';
  readonly attachments?: MimeBundle;
}

/** A cell of a notebook, as nbformat 4 stores it. */
export type Cell = CodeCell | TextCell;

/** Whether `cell` has code. */
export const isCode = (cell: Cell): cell is CodeCell => cell.cell_type === 'code';

/** A notebook with its texts joined: `source`, stream texts and text MIME types are strings. */
export interface Notebook {
  /** The cells, from first to last. */
  readonly cells: readonly Cell[];
  /** The notebook's own metadata, such as its kernelspec. */
  readonly metadata: MimeBundle;
}

/** Reads a notebook. @throws UserError when the file is missing or is not a notebook of nbformat 4. */
export async function readNotebook(path: string): Promise<Notebook> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`Cannot read the notebook ${path}: ${error.code ?? error.message}`);
  });
  return parseNotebook(text, path);
}

/** The notebook in `text`. @throws UserError naming `source` when it is not a notebook. */
export function parseNotebook(text: string, source = 'the notebook'): Notebook {
  const raw = parseJson(text, source) as { readonly nbformat?: unknown; readonly cells?: unknown } | null;
  check(
    raw?.nbformat === 4 && Array.isArray(raw.cells),
    `${source} is not a notebook of nbformat 4 (nbformat ${String(raw?.nbformat)}); open it in Jupyter and save it again`,
  );
  notebookRule(raw, source);
  const { cells, metadata = {} } = raw as unknown as RawNotebook;
  return { cells: cells.map(readCell), metadata };
}

/** The content of a notebook file, with texts as one string or as lines; missing members have defaults. */
interface RawNotebook {
  readonly cells: readonly Record<string, unknown>[];
  readonly metadata?: MimeBundle;
}

const { anything, either, integer, listOf, nullable, oneOf, record, shape, text } = schema;
const someText = either((value) => (Array.isArray(value) ? listOf(text) : text));
const bundle = record(anything);
const bundles = record(
  either((value) => (typeof value === 'string' || Array.isArray(value) ? someText : anything)),
);
const outputRules: Readonly<Record<string, schema.Rule>> = {
  stream: shape({ text: someText }, { name: text }),
  error: shape({ ename: text, evalue: text, traceback: listOf(text) }),
  display_data: shape({ data: bundles }, { metadata: bundle }),
  execute_result: shape({ data: bundles }, { metadata: bundle, execution_count: nullable(integer) }),
};
const outputRule = either((value) => {
  const kind = (value as { output_type?: unknown } | null)?.output_type;
  return typeof kind === 'string' && Object.hasOwn(outputRules, kind)
    ? outputRules[kind]!
    : shape({ output_type: oneOf(...Object.keys(outputRules)) });
});
const cellRule = shape(
  { cell_type: oneOf('code', 'markdown', 'raw') },
  {
    source: someText,
    metadata: bundle,
    outputs: listOf(outputRule),
    execution_count: nullable(integer),
    attachments: record(bundle),
  },
);
const notebookRule = shape({ cells: listOf(cellRule) }, { metadata: bundle });

/** Text that may be stored as a list of lines. */
const joined = (text: unknown): string => (Array.isArray(text) ? text.join('') : String(text ?? ''));

function readCell(raw: Record<string, unknown>, index: number): Cell {
  const source = joined(raw.source);
  // Older minor versions have no ids; these are the same each time.
  const id = typeof raw.id === 'string' ? raw.id : sha256(`${index}\n${source}`).slice(0, 8);
  const common = { id, metadata: (raw.metadata ?? {}) as MimeBundle, source };
  if (raw.cell_type !== 'code') {
    const attachments = raw.attachments as MimeBundle | undefined;
    return {
      ...common,
      cell_type: raw.cell_type as TextCell['cell_type'],
      ...(attachments && { attachments }),
    };
  }
  const outputs = ((raw.outputs ?? []) as Record<string, unknown>[]).map(readOutput);
  const count = raw.execution_count;
  return { ...common, cell_type: 'code', execution_count: typeof count === 'number' ? count : null, outputs };
}

function readOutput(raw: Record<string, unknown>): Output {
  if (raw.output_type === 'stream') return { ...raw, text: joined(raw.text) } as Output;
  if (raw.output_type === 'error') return raw as unknown as Output;
  return { ...raw, data: mapBundle(raw.data as MimeBundle, joined) } as unknown as Output;
}

const isJson = (type: string): boolean => type === 'application/json' || type.endsWith('+json');

/** `bundle` with `change` done to the contents that are text. */
function mapBundle(bundle: MimeBundle, change: (text: unknown, type: string) => unknown): MimeBundle {
  return Object.fromEntries(
    Object.entries(bundle).map(([type, content]) => [type, isJson(type) ? content : change(content, type)]),
  );
}

/** The file's text of `notebook`. */
export function formatNotebook({ cells, metadata }: Notebook): string {
  const file = {
    cells: cells.map(writeCell),
    metadata: {
      ...metadata,
      kernelspec: { display_name: kernelDisplayName, language: kernelLanguage, name: kernelName },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  return `${JSON.stringify(sortKeys(file), null, 1)}\n`;
}

/** Writes `notebook`, whole or not at all, and only if it differs from what is there. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  const text = formatNotebook(notebook);
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (text !== before) await writeFileAtomic(path, text);
}

/** Text as Jupyter stores it: lines with their line ends; none for empty text. */
const lines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function writeCell(cell: Cell): Record<string, unknown> {
  // JupyterLab's record of when the cell ran; it would change every time.
  const metadata = omit(cell.metadata, 'execution');
  const written = { ...cell, metadata, source: lines(cell.source) };
  return cell.cell_type === 'code' ? { ...written, outputs: cell.outputs.map(writeOutput) } : written;
}

function writeOutput(output: Output): Record<string, unknown> {
  switch (output.output_type) {
    case 'stream':
      return { ...output, text: lines(output.text) };
    case 'error':
      return { ...output };
    case 'display_data':
    case 'execute_result':
      return { ...output, data: mapBundle(output.data, storedText) };
    default:
      return output satisfies never;
  }
}

/** Pictures stay one string; other text becomes lines. */
function storedText(text: unknown, type: string): unknown {
  return typeof text === 'string' && (!type.startsWith('image/') || type === 'image/svg+xml')
    ? lines(text)
    : text;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
