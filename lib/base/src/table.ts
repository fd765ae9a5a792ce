/**
 * Tables of plain records as text: columns padded to their widths, columns of numbers aligned right, even
 * where they are written «97.1%», «0.52 ± 0.01» or «∞ (BN)».
 */
import { formatNumber } from './progress.js';

/**
 * A row: column → cell. Rows of a table have the same columns in the same order; missing cells stay empty.
 */
export type Row = Readonly<Record<string, unknown>>;

/** The part of a danfo DataFrame that is read here. */
export interface DataFrameLike {
  /** The names of its columns. */
  readonly columns: readonly string[];
  /** Its rows, each a list of cells. */
  readonly values: unknown;
  /** The labels of its rows; default their numbers. */
  readonly index?: readonly (number | string)[];
}

/** A column of a table, its cells as text. */
export interface Column {
  /** Its heading. */
  readonly name: string;
  /** Its cells as text. */
  readonly cells: readonly string[];
  /** Whether all cells are numbers. */
  readonly numeric: boolean;
}

/** The table as text, its columns padded to their widths. */
export function tableText(rows: readonly Row[] | DataFrameLike): string {
  const padded = columnsOf(rows).map(({ name, cells, numeric }) => {
    const width = Math.max(...[name, ...cells].map((cell) => [...cell].length));
    const pad = (cell: string): string => {
      const space = ' '.repeat(width - [...cell].length);
      return numeric ? space + cell : cell + space;
    };
    return [pad(name), '─'.repeat(width), ...cells.map(pad)];
  });
  const lines = Array.from({ length: padded[0]?.length ?? 0 }, (_, i) => padded.map((column) => column[i]!));
  return lines.map((cells) => cells.join('  ').trimEnd()).join('\n');
}

/** The columns of a table, in the order in which the rows name them. */
export function columnsOf(rows: readonly Row[] | DataFrameLike): Column[] {
  if (!isFrame(rows)) {
    const names = new Set(rows.flatMap((row) => Object.keys(row)));
    return [...names].map((name) => columnOf(name, rows, (row) => row[name]));
  }
  // Not by records, in which names that are whole numbers would come first. A frame of one column may give
  // its cells without a list around each.
  const lines = rows.values as readonly unknown[];
  const columns = rows.columns.map((name, j) =>
    columnOf(name, lines, (line) => (Array.isArray(line) ? (line as unknown[])[j] : line)),
  );
  // Names, such as «mean» in what `describe` gives; numbers say only where a row stood.
  const { index = [] } = rows;
  return index.some((label) => typeof label === 'string')
    ? [columnOf('', index, (label) => label), ...columns]
    : columns;
}

function columnOf<Line>(name: string, lines: readonly Line[], valueIn: (line: Line) => unknown): Column {
  const values = lines.map(valueIn);
  const decimals = commonDecimals(values);
  const cells = values.map((value) => cellText(value, decimals));
  const numeric =
    cells.some((cell) => /\d|∞/.test(cell)) && cells.every((cell) => cell === '' || looksNumeric(cell));
  return { name, cells, numeric };
}

const isFrame = (rows: readonly Row[] | DataFrameLike): rows is DataFrameLike => !Array.isArray(rows);

/** The number of rows of a table. */
export const rowCount = (columns: readonly Column[]): number => columns[0]?.cells.length ?? 0;

function cellText(value: unknown, decimals: number | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'number') return String(value);
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (decimals !== undefined) return value.toFixed(decimals);
  return Number.isInteger(value) ? String(value) : formatNumber(value);
}

/**
 * How many decimals all numbers of a column have, so that its points stand in one line: as many as the number
 * that needs most, at four significant digits of the largest. Undefined for whole numbers, and where a small
 * number would be left with fewer than two digits.
 */
function commonDecimals(values: readonly unknown[]): number | undefined {
  const numbers = values.filter((value): value is number => Number.isFinite(value) && value !== 0);
  if (numbers.every(Number.isInteger)) return undefined;
  const exponent = (value: number): number => Math.floor(Math.log10(Math.abs(value)));
  const needed = (value: number): number => formatNumber(value).split('.')[1]?.length ?? 0;
  const most = Math.max(...numbers.map(needed));
  const decimals = Math.min(most, Math.max(0, 3 - Math.max(...numbers.map(exponent))));
  const legible = (value: number): boolean => needed(value) <= decimals || exponent(value) + decimals >= 1;
  return numbers.every(legible) ? decimals : undefined;
}

/** «12», «−0.5», «97.1%», «0.52 ± 0.01», «∞ (BN)», «–»; not «3x3» or «stage1.0». */
const looksNumeric = (cell: string): boolean =>
  /^(–|[-+−]?(\d[\d.,]*|∞)(e[-+]?\d+)?\s*%?(\s*±\s*[\d.]+\s*%?)?(\s*[a-zA-Zµσ]{1,4}|\s*\(.*\))?)$/.test(cell);
