/** Processes as others see them: whether they live, and where their ids mean something. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

let host: string | undefined;

/** Host, boot and process namespace, as far as the system says: there, and for so long, an id is one process. */
export function thisHost(): string {
  host ??= [
    hostname(),
    orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    orEmpty(() => readlinkSync('/proc/self/ns/pid')),
  ]
    .filter((part) => part !== '')
    .join(' ');
  return host;
}

/** Whether a process of this host has the id, ours to signal or not. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** What `read` gives; empty on systems that have no such file. */
function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
