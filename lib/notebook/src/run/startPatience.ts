/**
 * How long to wait for a kernel that starts. On a busy machine a start of one second can take minutes, so
 * what counts is the time in which its process does nothing, and only while this program is running too,
 * because a laptop may sleep meanwhile.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface StartPatience {
  /** Seconds in which the process may do nothing. One that computes gets ten times as long. */
  readonly seconds: number;
  /** The seconds that the process has computed so far; undefined where the system does not say. */
  readonly processorTime: () => number | undefined;
  /** Ends the wait: the kernel is there, or its process has ended. */
  readonly signal: AbortSignal;
  /** Lets milliseconds pass; resolves to whether to go on. Tests supply their own. */
  readonly pass?: (milliseconds: number, signal: AbortSignal) => Promise<boolean>;
}

/**
 * From this many seconds of computing on, a process has done something: even a waiting one wakes up now and
 * then.
 */
const something = 0.1;
/** The number of parts of the wait, after each of which the process is checked. */
const looks = 60;
const mostWaits = 10;

const passTime = (milliseconds: number, signal: AbortSignal): Promise<boolean> =>
  sleep(milliseconds, true, { signal }).catch(() => false);

/** Resolves to the reason why there is no point in waiting longer; to undefined when the signal aborts. */
export async function startPatience(options: StartPatience): Promise<string | undefined> {
  const { seconds, processorTime, signal, pass = passTime } = options;
  let [quiet, computed] = [0, 0];
  for (let look = 1; look <= mostWaits * looks; look++) {
    if (!(await pass((seconds / looks) * 1000, signal))) return undefined;
    quiet++;
    const now = processorTime();
    if (now !== undefined && now - computed >= something) [quiet, computed] = [0, now];
    if (quiet < looks) continue;
    const did = now === undefined ? '' : `, in which its process did nothing (it had computed ${now.toFixed(1)} s by then)`; // prettier-ignore
    return `no answer in ${seconds} s${did}`;
  }
  return `no answer in ${mostWaits * seconds} s, though its process computes`;
}

/** The seconds that process `pid` has computed on all its threads, where Linux reports it (proc(5), stat). */
export function processorTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, a name in parentheses, may hold anything; user and system time are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
