/**
 * Tables of studies: each row of a study puts its values into rows and columns of a table, where the values
 * of several seeds become a mean and a standard deviation. They are in the order in which they are first
 * named.
 */
import type { Row as TableRow } from 'oabn-base';
import { type Estimate, estimate, formatPercent } from '../claims/index.js';
import type { Entry, StudyResult } from './study.js';

/** A mean as a whole number. */
export const rounded = ({ mean }: Estimate): number => Math.round(mean);

/** The table of a study's rows, or of those that `where` keeps; empty for a study without a table. */
export function studyTable<Row>(
  { study, rows }: StudyResult<Row>,
  where: (row: Row) => boolean = () => true,
): TableRow[] {
  const lines = new Map<string, Line>();
  for (const row of rows.filter(where)) {
    for (const entry of study.entries?.(row) ?? []) {
      const key = JSON.stringify(entry.line);
      const line = lines.get(key) ?? { heads: entry.line, columns: new Map<string, Place>() };
      lines.set(key, line);
      const place = line.columns.get(entry.column) ?? { entry, values: new Map<number | string, number>() };
      line.columns.set(entry.column, place);
      place.values.set(entry.sample, entry.value);
    }
  }
  const places = [...lines.values()].flatMap((line) => [...line.columns.values()]);
  const named = (last: boolean): string[] =>
    places.flatMap(({ entry }) => ((entry.last ?? false) === last ? [entry.column] : []));
  const columns = new Set([...named(false), ...named(true)]);
  return [...lines.values()].map((line) => ({
    ...line.heads,
    ...Object.fromEntries([...columns].map((column) => [column, cellOf(line.columns.get(column))])),
  }));
}

interface Line {
  readonly heads: TableRow;
  readonly columns: Map<string, Place>;
}

interface Place {
  /** The first entry there, for its format. */
  readonly entry: Entry;
  /** By sample. */
  readonly values: Map<number | string, number>;
}

function cellOf(place: Place | undefined): string | number {
  if (!place) return '–';
  const { format = formatPercent } = place.entry;
  return format(estimate([...place.values.values()]));
}
