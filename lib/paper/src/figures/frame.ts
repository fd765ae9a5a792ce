/**
 * Tables to compute on: rows of plain records as a danfo DataFrame, which filters, sorts, groups and joins as
 * pandas does; the runs of a study as one; and the pivot that danfo lacks. Danfo belongs to the project that
 * holds the notebooks, not to this package: as published, it asks for a file from outside the npm registry,
 * which only a project's own `overrides` can replace.
 */
import type { DataFrame } from 'danfojs-node';
import { check, errorMessage, type Row, UserError } from 'oabn-base';
import { formatThreshold } from '../claims/index.js';
import { decayTitles, methodTitles, type StudyResult } from '../studies/index.js';

/**
 * A danfo DataFrame of `rows`, with a column for each member that any of them has. Danfo takes two seconds to
 * load, so it is loaded by the first call.
 * @throws UserError where danfojs-node is not installed
 */
export async function table(rows: readonly Row[]): Promise<DataFrame> {
  const { DataFrame } = await danfo();
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  // Not from the records: danfo takes the columns of the first one, and the values of all in their own order.
  return new DataFrame(
    rows.map((row) => columns.map((name) => row[name])),
    { columns },
  );
}

const danfo = (): Promise<typeof import('danfojs-node')> =>
  import('danfojs-node').catch((error: unknown) => {
    throw new UserError(
      `A table needs danfojs-node, which does not load: ${errorMessage(error)}. Run npm ci in the project's folder.`,
    );
  });

/** Members of rows that are of no use in a table: which images were right, packed. */
const packed = new Set(['right', 'fp32Right']);

/**
 * The runs of a study as a DataFrame, a row each: what was varied, and what came out as numbers. Accuracies
 * are in percent; `s` is the threshold as text, for column headings; methods, granularities and rules of decay have
 * the names that tables print.
 */
export async function runTable<Row>({ rows }: Pick<StudyResult<Row>, 'rows'>): Promise<DataFrame> {
  return await table(rows.map((row) => flatRow(row as object)));
}

/** Columns whose values are names in a configuration, with the names that tables print. */
const titles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  method: methodTitles,
  decay: decayTitles,
  granularity: { perTensor: 'per layer', perChannel: 'per channel' },
};

function flatRow(row: object): Row {
  const flat: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (packed.has(name) || (typeof value === 'object' && value !== null)) continue;
    if (name === 'threshold') flat.s = formatThreshold(value as number);
    if (name === 'accuracy' || name === 'fp32') flat[name] = 100 * (value as number);
    else flat[name] = titles[name]?.[value as string] ?? value;
  }
  return flat;
}

/** Which columns become rows, headings and cells. */
export interface PivotOptions {
  /** The columns that stay, and that identify the rows. */
  readonly index: readonly string[];
  /** The column whose values become headings. */
  readonly columns: string;
  /** The column whose values fill the cells. */
  readonly values: string;
  /** Digits after the point; default 1. */
  readonly digits?: number;
  /** The heading of a column, from its value as text; default that text. */
  readonly heading?: (value: string) => string;
}

/**
 * A DataFrame with a row for each value of `index` and a column for each value of `columns`, in the order of
 * their first occurrence. Missing cells are `–`.
 * @throws UserError for a missing column, and for two rows that belong in one cell
 */
export async function pivot(
  frame: DataFrame,
  { index, columns, values, digits = 1, heading = (value) => value }: PivotOptions,
): Promise<DataFrame> {
  const place = (name: string): number => {
    const at = frame.columns.indexOf(name);
    check(at >= 0, () => `There is no column «${name}» to pivot; there are ${frame.columns.join(', ')}`);
    return at;
  };
  const [heads, across, filling] = [index.map(place), place(columns), place(values)];
  const rows = frame.values as (string | number)[][];
  const names = [...new Set(rows.map((row) => String(row[across])))];
  const lines = new Map<string, (string | number)[]>();
  for (const row of rows) {
    const head = heads.map((at) => row[at]!);
    const key = JSON.stringify(head);
    const line = lines.get(key) ?? [...head, ...names.map(() => '–')];
    lines.set(key, line);
    const name = String(row[across]);
    const cell = index.length + names.indexOf(name);
    check(
      line[cell] === '–',
      () =>
        `Two rows belong in one cell, ${key} × ${name}; group them first, by ${[...index, columns].join(', ')}`,
    );
    const value = row[filling]!;
    line[cell] = typeof value === 'number' ? value.toFixed(digits) : value;
  }
  // Not from records, which would put columns that are named by whole numbers first.
  const { DataFrame } = await danfo();
  return new DataFrame([...lines.values()], { columns: [...index, ...names.map(heading)] });
}
