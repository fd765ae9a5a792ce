/**
 * Whose fault an error is: the run's, which fails everywhere, or the machine's, so that another one can go
 * on.
 */

/** What a disk or the system has run out of is missing to every run, whoever notices it first. */
const exhausted = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** A run may meet these through its own fault, at a file of its own; at the store's, it is the machine's. */
const refused = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EBUSY', 'EAGAIN']);

/** Marks errors; registered, because a run may use another copy of this package than its worker. */
const ofStore = Symbol.for('provable-runs.ofStore');

/** `error`, marked as one of the store's own reading and writing. */
export function markOfStore<E>(error: E): E {
  if (error instanceof Error && Object.isExtensible(error)) {
    Object.defineProperty(error, ofStore, { value: true, configurable: true });
  }
  return error;
}

/**
 * True for an error with which a disk or the system refuses what every run needs: room, a file to open, the
 * store. It may be wrapped in others.
 */
export function isMachineFault(error: unknown): boolean {
  let fromStore = false;
  for (let each = error; each instanceof Error; each = each.cause) {
    fromStore ||= ofStore in each;
    const { code = '' } = each as NodeJS.ErrnoException;
    if (exhausted.has(code) || (fromStore && refused.has(code))) return true;
  }
  return false;
}
