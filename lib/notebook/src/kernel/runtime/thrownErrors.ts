/**
 * What a cell shows for an error: name and message, the frames that the reader wrote with their lines, and
 * what caused it. Frames of the kernel are left out. The message of a `UserError` says everything.
 */
import { inspect } from 'node:util';
import type { ThrownError } from '../threads.js';
import { asWritten, sourceNamed } from './stackTraces.js';

const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
const green = (text: string): string => `\u001b[32m${text}\u001b[39m`;
const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;

/**
 * How much of an error is shown: frames of the reader's, those of them with their lines, frames in a row of
 * others', causes of causes, errors of an aggregate.
 */
const [mostFrames, mostExcerpts, mostForeign, mostCauses, mostErrors] = [12, 4, 3, 5, 10];

/** What is shown for `thrown`. Never throws, whatever the getters of `thrown` do: the cell would not end. */
export function thrownError(thrown: unknown): ThrownError {
  try {
    return describe(thrown);
  } catch {
    const evalue = 'a value that cannot be shown, because looking at it throws';
    return { ename: 'Thrown', evalue, traceback: [`${red('Thrown')}: ${evalue}`] };
  }
}

function describe(thrown: unknown): ThrownError {
  if (!(thrown instanceof Error) && !isErrorLike(thrown)) {
    const evalue = inspect(thrown);
    return { ename: 'Thrown', evalue, traceback: [`${red('Thrown')}: ${evalue}`] };
  }
  const [ename, evalue] = [nameOf(thrown), messageOf(thrown)];
  return { ename, evalue, traceback: tracebackOf(thrown).flatMap((text) => text.split('\n')) };
}

interface ErrorLike {
  readonly name: unknown;
  readonly message: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const isErrorLike = (value: unknown): value is ErrorLike =>
  typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;

const nameOf = ({ name, constructor }: ErrorLike): string =>
  typeof name === 'string' && name !== '' ? name : constructor?.name || 'Error';

const messageOf = ({ message }: ErrorLike): string =>
  typeof message === 'string' ? asWritten(message) : inspect(message);

/** The lines of `error`; of its frames, those that it shares with the error around it are left out. */
function tracebackOf(error: ErrorLike, depth = 0, around: readonly string[] = []): string[] {
  const name = nameOf(error);
  const head = `${red(bold(name))}: ${messageOf(error)}`;
  if (name === 'UserError' || name === 'Interrupted') return [head];
  const frames = framesOf(error);
  const shared = frames.filter((frame) => around.includes(frame)).length;
  const lines = [
    head,
    ...detailsOf(error),
    ...showFrames(frames.filter((frame) => !around.includes(frame))),
    ...(shared > 0 ? [`    … ${shared} ${shared === 1 ? 'frame' : 'frames'} as above`] : []),
  ];
  if (Array.isArray(error.errors)) {
    for (const [index, each] of error.errors.slice(0, mostErrors).entries())
      lines.push(...nested(`[${index + 1} of ${error.errors.length}] `, each, depth, frames));
  }
  if (error.cause !== undefined) lines.push(...nested('Caused by ', error.cause, depth, frames));
  return lines;
}

function nested(lead: string, error: unknown, depth: number, around: readonly string[]): string[] {
  if (depth >= mostCauses) return [`${lead}…`];
  if (!isErrorLike(error)) return [lead + inspect(error)];
  const [first, ...rest] = tracebackOf(error, depth + 1, around);
  return ['', lead + first, ...rest];
}

/** What else an error carries, such as `code` and `path` of a file that is missing. */
function detailsOf(error: ErrorLike): string[] {
  const known = ['name', 'message', 'stack', 'cause', 'errors'];
  // Getters are named and not called, as everywhere in `inspect`.
  const details = Object.entries(Object.getOwnPropertyDescriptors(error)).filter(
    ([key, { enumerable }]) => enumerable && !known.includes(key),
  );
  if (details.length === 0) return [];
  return [inspect(Object.defineProperties({}, Object.fromEntries(details)), { depth: 1, breakLength: 100 })];
}

const frameForm = /^\s*at (?:async )?(?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/;
const insideTheKernel =
  /node:internal|\bnode:(?:vm|events|async_hooks)\b|[\\/]notebook[\\/](?:src|dist)[\\/]kernel[\\/]|[\\/]tslab-kernel[\\/]dist[\\/]kernel[\\/]/;

/** The frames outside the kernel, as lines of the stack. */
function framesOf(error: ErrorLike): string[] {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  const message = messageOf(error);
  const at = stack.indexOf(message);
  const text = at < 0 ? stack : stack.slice(at + message.length);
  return text.split('\n').filter((line) => /^\s*at /.test(line) && !insideTheKernel.test(line));
}

/**
 * Frames for a reader: those in the reader's cells and files, with the lines around them; of what others wrote,
 * where it was thrown and what the reader called.
 */
function showFrames(frames: readonly string[]): string[] {
  const groups: { source: string | undefined; frames: string[] }[] = [];
  for (const frame of frames) {
    const source = sourceNamed(frameForm.exec(frame)?.[2] ?? '');
    const last = groups.at(-1);
    if (last && source === undefined && last.source === undefined) last.frames.push(frame);
    else groups.push({ source, frames: [frame] });
  }
  const lines: string[] = [];
  let own = 0;
  for (const [index, { source, frames }] of groups.entries()) {
    if (source === undefined) {
      lines.push(...shorten(frames));
      continue;
    }
    if (++own > mostFrames) return [...lines, `    … called from ${groups.length - index} more places`];
    const [, where, name, line, column] = frameForm.exec(frames[0]!)!;
    const caller = where && !/^(?:eval|<anonymous>|Object\.<anonymous>)/.test(where) ? `, in ${where}` : '';
    lines.push(`${green(name!)}, line ${line}, column ${column}${caller}`);
    if (own <= mostExcerpts) lines.push(...excerptOf(source, Number(line), Number(column)));
  }
  return lines;
}

/** The first and the last of frames in packages. */
function shorten(frames: readonly string[]): string[] {
  const left = frames.length - mostForeign - 1;
  if (left < 2) return [...frames];
  return [...frames.slice(0, mostForeign), `    … ${left} more frames`, frames.at(-1)!];
}

/** The line, marked, between its neighbours. */
function excerptOf(source: string, line: number, column: number): string[] {
  const lines = source.split('\n');
  const first = Math.max(1, line - 2);
  return lines.slice(first - 1, line + 1).flatMap((text, i) => {
    const number = first + i;
    if (number !== line) return [`${String(number).padStart(7)} | ${text}`];
    const mark = `${' '.repeat(7)} | ${text.slice(0, column - 1).replace(/[^\t]/g, ' ')}^`;
    return [bold(`${red('-->')}${String(number).padStart(4)} | ${text}`), mark];
  });
}
