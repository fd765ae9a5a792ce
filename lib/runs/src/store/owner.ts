/**
 * Who holds a lock, distinguished from every other owner: process ids are reused, so the id comes with the
 * start time, and the host with its boot and process namespace, within which that id has a meaning.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { processExists, thisHost } from 'oabn-base';

export interface Owner {
  readonly pid: number;
  /** When the process started, in whatever form the system gives; null where it gives none. */
  readonly processStart: string | null;
  /** Machine, boot and process namespace. */
  readonly host: string;
  /** When the lock was taken. */
  readonly since: string;
  /** No two locks have the same one. */
  readonly nonce: string;
}

/** This process as the owner of a new lock. */
export async function newOwner(): Promise<Owner> {
  return {
    pid: process.pid,
    processStart: (await processStart(process.pid)) ?? null,
    host: thisHost(),
    since: new Date().toISOString(),
    nonce: randomBytes(8).toString('hex'),
  };
}

/** The owner that `text` describes; undefined when it is not a complete description. */
export function parseOwner(text: string): Owner | undefined {
  let read: Partial<Owner> | null;
  try {
    read = JSON.parse(text) as Partial<Owner> | null;
  } catch {
    return undefined;
  }
  const { pid, processStart: start, host: where, since, nonce } = read ?? {};
  const isWhole =
    Number.isSafeInteger(pid) &&
    pid! > 0 &&
    (start === null || typeof start === 'string') &&
    typeof where === 'string' &&
    typeof since === 'string' &&
    typeof nonce === 'string' &&
    /^[\w-]+$/.test(nonce); // it becomes a part of a file's name
  return isWhole ? (read as Owner) : undefined;
}

/**
 * `gone` or `alive` when that can be known from here, else `unknown`: another host, or a system that does not
 * say.
 */
export async function stateOf(owner: Owner): Promise<'alive' | 'gone' | 'unknown'> {
  if (owner.host !== thisHost()) return 'unknown';
  const start = await processStart(owner.pid);
  if (start === undefined) return 'gone';
  if (start === null || owner.processStart === null) return 'unknown';
  return start === owner.processStart ? 'alive' : 'gone';
}

/** «process 123 on host», for messages. */
export const describeOwner = ({ pid, host }: Owner): string => `process ${pid} on ${host.split(' ')[0]}`;

/** When the process started; null if the system does not say, undefined if there is no such process. */
async function processStart(pid: number): Promise<string | null | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat !== undefined) {
      // The command's name, in parentheses, may hold anything; after it come the state (3rd) … start time
      // (22nd).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const dead = fields[0] === 'Z' || fields[0] === 'X';
      return dead ? undefined : fields[19]!;
    }
  }
  if (!processExists(pid)) return undefined;
  if (process.platform === 'win32' || process.platform === 'linux') return null;
  const ps = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => undefined);
  return ps?.stdout.trim() || null;
}
