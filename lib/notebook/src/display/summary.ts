/**
 * Tables that a cell ends with, and values that are shown by a line and a table (`Summary`), as MIME bundles.
 */
import { type DataFrameLike, escapeHtml, type Row, type Summary, tableText } from 'oabn-base';
import type { Bundle } from './kernel.js';
import { tableHtml } from './table.js';

type Table = readonly Row[] | DataFrameLike;

/** How many rows are shown of a value that nobody asked to see in full. */
const mostRows = 250;

/** A line, and below it the table, in HTML and as text. */
export const summaryBundle = ({ title, rows = [] }: Summary): Bundle => linesBundle([title], rows);

/** A table in HTML and as text. */
export const tableBundle = (table: Table): Bundle => linesBundle([], table);

function linesBundle(head: readonly string[], table: Table): Bundle {
  const rows = isRows(table) ? table : (table.values as readonly unknown[]);
  const shown = isRows(table)
    ? table.slice(0, mostRows)
    : {
        columns: table.columns,
        values: rows.slice(0, mostRows),
        ...(table.index && { index: table.index.slice(0, mostRows) }),
      };
  const rest = rows.length > mostRows ? [`… and ${rows.length - mostRows} more rows`] : [];
  const line = (text: string): string => `<div>${escapeHtml(text)}</div>`;
  const [html, text] = rows.length > 0 ? [[tableHtml(shown)], [tableText(shown)]] : [[], []];
  return {
    'text/html': [...head.map(line), ...html, ...rest.map(line)].join('\n'),
    'text/plain': [...head, ...text, ...rest].join('\n'),
  };
}

const isRows = (table: Table): table is readonly Row[] => Array.isArray(table);

/** Whether `value` is a DataFrame of danfo. */
export function isDataFrame(value: unknown): value is DataFrameLike {
  if (typeof value !== 'object' || value === null || !('iloc' in value && 'columns' in value)) return false;
  const { columns, values, iloc } = value as Record<string, unknown>;
  return Array.isArray(columns) && Array.isArray(values) && typeof iloc === 'function';
}

const isSingle = (value: unknown): boolean =>
  value === null || ['undefined', 'number', 'string', 'boolean', 'bigint'].includes(typeof value);

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isSingle);
}

/** Whether `value` is a table: two or more plain records of single values with the same columns. */
export function isTable(value: unknown): value is readonly Row[] {
  if (!Array.isArray(value) || value.length < 2 || !value.every(isRow)) return false;
  const columns = (row: Row): string => Object.keys(row).sort().join('\0');
  const first = columns(value[0] as Row);
  return first !== '' && value.every((row) => columns(row) === first);
}
