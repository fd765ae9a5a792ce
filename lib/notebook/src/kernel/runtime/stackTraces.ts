/**
 * Stack traces in the reader's terms: `Error.prepareStackTrace` turns the places of compiled JavaScript into
 * those of the TypeScript that was written, for every error, wherever it is printed.
 */
import { SourceMap, type SourceMapPayload } from 'node:module';

/** A script that we compiled. */
export interface CompiledSource {
  /** What frames call it, such as `Cell [3]`. */
  readonly name: string;
  readonly source: string;
  /** The source map as JSON. */
  readonly map: string;
  /** Columns that we put before the first line. */
  readonly indent: number;
  /** Lines of the map's source that come before the user's. */
  readonly lead: number;
}

/** A place in what the reader wrote; line and column from 1. */
export interface Place {
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly source: string;
}

const sources = new Map<string, CompiledSource & { parsed?: SourceMap }>();

/** Makes the frames of the script `file` known. */
export const addSource = (file: string, source: CompiledSource): void => void sources.set(file, source);

/** What stands at `line` and `column`, from 1, of the script `file`; undefined if it is none of ours. */
export function originalPlace(file: string, line: number, column: number): Place | undefined {
  const known = sources.get(file);
  if (!known) return undefined;
  known.parsed ??= new SourceMap(JSON.parse(known.map) as SourceMapPayload);
  const found = known.parsed.findEntry(line - 1, column - 1 - (line === 1 ? known.indent : 0));
  if (!('originalLine' in found)) return undefined;
  const { name, source, lead } = known;
  const originalLine = found.originalLine + 1 - lead;
  const text = source.split('\n')[originalLine - 1] ?? '';
  return { name, source, line: originalLine, column: callStart(text, found.originalColumn) + 1 };
}

/** V8 places a call of `(0, __scope.f)()` after its name, while a reader looks for the name. */
const callStart = (text: string, column: number): number =>
  text[column] === '(' ? column - /[\w$]*$/.exec(text.slice(0, column))![0].length : column;

/** V8 keeps ten frames, and a shape that does not fit is found eleven calls deep in tfjs. */
const mostFrames = 100;

/** Installs it for this process. */
export function installStackTraces(): void {
  Error.stackTraceLimit = mostFrames;
  Error.prepareStackTrace = (error, frames) => {
    // Below the cell there is only what runs cells.
    const last = frames.findLastIndex((frame) => sources.has(frame.getFileName() ?? ''));
    const lines = frames
      .slice(0, last < 0 ? undefined : last + 1)
      .map((frame) => `\n    at ${frameText(frame)}`);
    return `${headOf(error)}${lines.join('')}`;
  };
}

function headOf(error: Error): string {
  try {
    return asWritten(Error.prototype.toString.call(error));
  } catch {
    return 'Error';
  }
}

/** V8's message without what stands in compiled code for a name: `(0 , __scope.f) is not a function`. */
export const asWritten = (message: string): string =>
  message
    .replace(/\(0 , [\w$]+\.([\p{ID_Continue}$]+)\)/gu, '$1')
    .replace(/\b__scope\.(?=[\p{ID_Start}$_])/gu, '')
    .replace(/\b__cell\.meta\b/g, 'import.meta');

function frameText(frame: NodeJS.CallSite): string {
  const text = String(frame);
  const [file, line, column] = [frame.getFileName(), frame.getLineNumber(), frame.getColumnNumber()];
  if (file === null || file === undefined || line === null || column === null) return text;
  const place = originalPlace(file, line, column);
  if (!place) return text;
  return text
    .replace(`${file}:${line}:${column}`, `${place.name}:${place.line}:${place.column}`)
    .replace(/\b(?:__scope|Object)\.(?=[\w$]+ (?:\[|\())/, '');
}

/** The source of the script that frames call `name`. */
export const sourceNamed = (name: string): string | undefined =>
  [...sources.values()].findLast((source) => source.name === name)?.source;

/** Whether what calls `callee` now stands in a cell or in a module of the reader's, not in a package. */
export function isCalledByReader(callee: (...args: never[]) => unknown): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error;
  const called: { stack?: unknown } = {};
  // A few frames, for `new Promise(setTimeout)`, where the first is the constructor.
  Error.stackTraceLimit = 3;
  Error.prepareStackTrace = (_error, frames) => frames.find((frame) => frame.getFileName())?.getFileName();
  try {
    Error.captureStackTrace(called, callee);
    return sources.has(String(called.stack));
  } finally {
    Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  }
}
