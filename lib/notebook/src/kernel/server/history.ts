/**
 * What was executed, in this session and in earlier ones: one file of JSON lines for each session, named by
 * its number, in Jupyter's data folder. The file is created with the number that is free, which no other
 * kernel can then take, and only when there is something to write.
 */
import { appendFileSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** `[session, line, input]`, or with the output `[session, line, [input, output]]`. */
export type HistoryItem = [
  session: number,
  line: number,
  entry: string | [input: string, output: string | null],
];

export interface HistoryRequest {
  readonly output?: boolean;
  readonly hist_access_type?: string;
  readonly session?: number;
  readonly start?: number;
  readonly stop?: number | null;
  readonly n?: number;
  readonly pattern?: string;
  readonly unique?: boolean;
}

export interface History {
  store(line: number, input: string, output: string | null): void;
  answer(request: HistoryRequest): HistoryItem[];
}

interface Entry {
  readonly session: number;
  readonly line: number;
  readonly input: string;
  readonly output: string | null;
}

/** Sessions that are kept. */
const keptSessions = 1000;

/** The history below `folder`; without one, of this session alone. */
export function createHistory(folder: string | undefined): History {
  const own: Omit<Entry, 'session'>[] = [];
  let number: number | undefined;
  const sessionNumber = (): number => (number ??= folder === undefined ? 1 : claimSession(folder));

  const entriesOf = (session: number): Entry[] =>
    session === number
      ? own.map((entry) => ({ ...entry, session }))
      : folder === undefined
        ? []
        : readSession(folder, session);

  /** Entries of all sessions, the newest session first, each in its order; lazily, as there may be many. */
  function* newestFirst(): Generator<Entry, void, undefined> {
    const earlier = folder === undefined ? [] : sessionsIn(folder).filter((session) => session !== number);
    const sessions = [...earlier, ...(number === undefined ? [] : [number])].sort((a, b) => b - a);
    for (const session of sessions) for (const entry of entriesOf(session).reverse()) yield entry;
  }

  const range = ({ session = 0, start = 1, stop }: HistoryRequest): Entry[] => {
    const wanted = session > 0 ? session : (sessionsBefore(session) ?? -1);
    return entriesOf(wanted).filter(
      ({ line }) => line >= start && (stop === undefined || stop === null || line < stop),
    );
  };
  /** 0 is this session, −1 the one before. */
  const sessionsBefore = (back: number): number | undefined => {
    if (back === 0) return sessionNumber();
    const earlier = folder === undefined ? [] : sessionsIn(folder).filter((session) => session !== number);
    return earlier.at(back);
  };

  const search = ({ pattern = '*', n, unique = false }: HistoryRequest): Entry[] => {
    const matches = globPattern(pattern);
    const found: Entry[] = [];
    const seen = new Set<string>();
    for (const entry of newestFirst()) {
      if (!matches.test(entry.input) || (unique && seen.has(entry.input))) continue;
      seen.add(entry.input);
      found.push(entry);
      if (typeof n === 'number' && found.length >= n) break;
    }
    return found.reverse();
  };

  const tail = ({ n }: HistoryRequest): Entry[] => {
    const found: Entry[] = [];
    for (const entry of newestFirst()) {
      if (typeof n === 'number' && found.length >= n) break;
      found.push(entry);
    }
    return found.reverse();
  };

  return {
    store(line, input, output) {
      const session = sessionNumber();
      own.push({ line, input, output });
      if (folder === undefined) return;
      try {
        appendFileSync(sessionFile(folder, session), `${JSON.stringify([line, input, output])}\n`);
      } catch {
        // A full disk or a folder that was removed: the history of this session stays in memory.
      }
    },
    answer(request) {
      const entries =
        request.hist_access_type === 'range'
          ? range(request)
          : request.hist_access_type === 'search'
            ? search(request)
            : tail(request);
      return entries.map(({ session, line, input, output }) => [
        session,
        line,
        request.output ? [input, output] : input,
      ]);
    },
  };
}

const sessionFile = (folder: string, session: number): string =>
  join(folder, `${String(session).padStart(6, '0')}.jsonl`);

/** The numbers of the sessions in `folder`, ascending. */
function sessionsIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map((name) => Number(/^(\d+)\.jsonl$/.exec(name)?.[1]))
      .filter((session) => session > 0)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/**
 * Takes the next free number, and forgets sessions of long ago. Without a folder to write in, the number is
 * 1.
 */
function claimSession(folder: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const sessions = sessionsIn(folder);
    for (const old of sessions.slice(0, -keptSessions)) rmSync(sessionFile(folder, old), { force: true });
    for (let session = (sessions.at(-1) ?? 0) + 1; ; session++) {
      try {
        closeSync(openSync(sessionFile(folder, session), 'wx', 0o600));
        return session;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch {
    return 1;
  }
}

function readSession(folder: string, session: number): Entry[] {
  let text: string;
  try {
    text = readFileSync(sessionFile(folder, session), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((row) => {
    try {
      const [line, input, output] = JSON.parse(row) as [number, string, string | null];
      return [{ session, line, input, output }];
    } catch {
      return []; // the last line of a kernel that was killed while it wrote
    }
  });
}

/** A shell's pattern: `*` is any text, `?` any character. */
const globPattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  );
