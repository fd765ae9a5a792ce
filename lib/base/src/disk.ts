/** A disk's refusals as errors that a user can act on. */
import { UserError } from './errors.js';

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'a folder on the way to it is not there; make it, or choose another place',
  EACCES: 'it is not allowed; give yourself the right to it, or choose another place',
  EPERM: 'it is not permitted; give yourself the right to it, or choose another place',
  EROFS: 'its file system is read-only; choose another place',
  ENOSPC: 'the disk is full; make room, or choose another place',
  EDQUOT: 'your disk quota is used up; make room, or choose another place',
  EFBIG:
    'the file would be larger than the limit for files here; raise it (ulimit -f), or choose another place',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another place',
  EEXIST: 'a file is where a folder should be; choose another place',
  EISDIR: 'it is a folder, not a file; choose another name',
  ELOOP: 'its symbolic links form a circle; correct them, or choose another place',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ENXIO: 'nobody reads from it, or its device is not there; choose another place',
  EPIPE: 'nobody reads from it any more',
  ENODEV: 'its device is not there; choose another place',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENFILE: 'the whole system has too many files open; close some programs',
  EBUSY: 'it is in use; try again when it is not, or choose another place',
  ETXTBSY: 'it is a program that runs; choose another name',
  ESTALE: 'the network disk it is on has lost it; try again',
  EIO: 'the disk reports an input/output error; check it, or choose another place',
};

/**
 * Runs `work` on `path`, and turns what a disk refuses into a `UserError` that names the path and what to do.
 */
export async function onDisk<Value>(path: string, work: () => Promise<Value>, hint?: string): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw diskError(path, error, hint);
  }
}

/** `error` as a `UserError`, if it comes from a disk. `hint` follows the advice, in parentheses. */
export function diskError(path: string, error: unknown, hint?: string): unknown {
  const code = (error as { readonly code?: string } | undefined)?.code ?? '';
  const why = Object.hasOwn(advice, code) ? advice[code] : undefined;
  if (why === undefined) return error;
  return new UserError(`Cannot use ${path} (${code}): ${why}${hint === undefined ? '' : ` (${hint})`}.`, {
    cause: error,
  });
}

const refusals: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'it is a folder, not a file',
  EACCES: 'it is not allowed; give yourself the right to it',
};

/** For `.catch` of reading a whole file: says why the file at `path` cannot be read. @throws UserError */
export const cannotRead =
  (path: string) =>
  (error: Error & { readonly code?: string }): never => {
    const { code = '', message } = error;
    const why = Object.hasOwn(refusals, code) ? refusals[code] : code || message;
    throw new UserError(`Cannot read ${path}: ${why}`, { cause: error });
  };

/** For `.catch`: undefined when the file or folder is not there. */
export function ignoreMissing(error: { readonly code?: string }): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
