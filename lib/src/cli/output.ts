/** What commands print: text for people, or one JSON document on standard output with `--json`. */

/** Prints `result` as JSON when asked to, else `text`. Progress and notes go to standard error, never here. */
export function print(result: unknown, text: string, json = false): void {
  process.stdout.write(json ? `${JSON.stringify(result, jsonNumber)}\n` : `${text}\n`);
}

/** Rows as a table with aligned columns; numbers to the right. */
export function formatTable(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]!.length)));
  const isNumeric = columns.map((column) =>
    rows.every((row) => typeof row[column] === 'number' || /^[-\d.,%∞–]*$/.test(String(row[column]))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n');
}

/** «77.62%» of an accuracy in [0, 1]. */
export const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(2)}%`;

function jsonNumber(_: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}
