/**
 * The programs that cells have started. They are in the kernel's process group, and nobody else is if the kernel
 * leads it, as it does under Jupyter and our runner; `detached` ones are in groups of their own.
 */

/** Sends `signal` to the group, the kernel included. Returns false, and does nothing, if the kernel does not lead it. */
export function signalGroup(signal: NodeJS.Signals): boolean {
  if (process.platform === 'win32') return false;
  try {
    process.kill(-process.pid, signal);
    return true;
  } catch {
    return false;
  }
}
