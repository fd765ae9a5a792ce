/**
 * Whose fault an error is: the run's, which fails everywhere, or the machine's, so that another one can go
 * on.
 */
const machineCodes = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'ESTALE',
  'EBUSY',
  'EACCES',
  'EPERM',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'ENOMEM',
  'ENOTDIR',
]);

/** True for an error with which a disk, a folder or the system refuses something, however it is wrapped. */
export function isMachineFault(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (machineCodes.has((each as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}
