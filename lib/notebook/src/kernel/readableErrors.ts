/**
 * Errors as a cell shows them. tslab prints an error with the whole stack below the cell, which is tslab itself:
 * those frames are left out. A `UserError` says all in its message, so nothing else is printed of it.
 */
import { inspect } from 'node:util';

const insideTheKernel =
  /^\s+at .*(?:[\\/]tslab[\\/]dist[\\/]|[\\/](?:notebook|tslab-kernel)[\\/](?:dist|src)[\\/]kernel[\\/]|\(?node:(?:vm|internal))/;

/** What to print of `error`. */
export function readableError(error: Error): string {
  if (error.name === 'UserError') return `${error.name}: ${error.message}`;
  const lines = inspect(error).split('\n');
  return lines.filter((line) => !insideTheKernel.test(line)).join('\n');
}

/** Makes `target.error`, which tslab prints with, print errors readably. */
export function printReadableErrors(target: Console): void {
  const print = target.error.bind(target);
  target.error = (...values: unknown[]) =>
    print(...values.map((value) => (value instanceof Error ? readableError(value) : value)));
}
