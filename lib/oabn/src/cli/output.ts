/** What commands print: text for people, or one JSON document on standard output with `--json`. */

/**
 * Prints `result` as JSON when asked to, else `text`. Progress and notes go to standard error, never here.
 */
export function print(result: unknown, text: string, json = false): void {
  process.stdout.write(json ? `${JSON.stringify(result, jsonNumber)}\n` : `${text}\n`);
}

/** «77.62%» of an accuracy in [0, 1]. */
export const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(2)}%`;

function jsonNumber(_: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}

/** The exit code of commands that check something and find a problem: `doctor`, `kernel status`. */
export const exitUnwell = 4;
