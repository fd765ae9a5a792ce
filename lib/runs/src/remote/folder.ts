/**
 * A shared folder as a place for objects: a key is a path in it. Works on NFS, whose links are atomic, too.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { access, copyFile, link, mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  diskError as storeError,
  ignoreMissing,
  sweepTemporaries,
  temporaryName,
  UserError,
} from 'oabn-base';
import { diskError, onDisk, syncFolder } from '../store/durable.js';
import type { Objects } from './objects.js';
import { mayPass, PassingError } from './patience.js';

/** @throws UserError when the folder cannot be made */
export async function folderObjects(root: string): Promise<Objects> {
  await mkdir(root, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The store ${root} cannot be made (${error.code}); choose another folder`, {
      cause: error,
    });
  });
  const pathOf = (key: string): string => join(root, ...key.split('/'));

  /** Fills a file under a temporary name and puts it in place with `place`. */
  const placed = async (
    key: string,
    fill: (temporary: string) => Promise<void>,
    place: (temporary: string, path: string) => Promise<boolean>,
  ): Promise<boolean> => {
    const path = pathOf(key);
    const temporary = temporaryName(path);
    await mkdir(dirname(path), { recursive: true });
    await sweepTemporaries(path);
    try {
      await fill(temporary).catch((error: NodeJS.ErrnoException) => {
        // Another machine found the new folder empty and removed it: make it again.
        throw error.code === 'ENOENT' ? new PassingError(`${dirname(path)} was removed`) : error;
      });
      const file = await open(temporary, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      const done = await place(temporary, path);
      await syncFolder(dirname(path));
      return done;
    } finally {
      await rm(temporary, { force: true });
    }
  };
  const over = (temporary: string, path: string): Promise<boolean> =>
    rename(temporary, path).then(() => true);
  /** A link, unlike a rename, fails where something is already. */
  const ifAbsent = (temporary: string, path: string): Promise<boolean> =>
    link(temporary, path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
        return false;
      },
    );
  const write = async (temporary: string, bytes: Uint8Array): Promise<void> => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  };

  return {
    address: root,
    get: (key) => readFile(pathOf(key)).catch(ignoreMissing),
    put: (key, bytes, options) =>
      placed(key, (temporary) => write(temporary, bytes), options?.ifAbsent ? ifAbsent : over),
    async getFile(key, path) {
      const source = pathOf(key);
      let refused: unknown;
      const bytesOfObject = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* createReadStream(source) as AsyncIterable<Uint8Array>;
        } catch (error) {
          refused = error;
          throw error;
        }
      };
      await onDisk(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await sweepTemporaries(path);
      });
      const temporary = temporaryName(path);
      try {
        await pipeline(bytesOfObject, createWriteStream(temporary));
        await rename(temporary, path);
        return true;
      } catch (error) {
        // What this machine's disk refuses is not mended by waiting for the store.
        if (error !== refused) throw diskError(path, error);
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
        throw mayPass(error) ? error : storeError(source, error);
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async putFile(key, path) {
      await access(path);
      await placed(key, (temporary) => copyFile(path, temporary), over);
    },
    async list(prefix) {
      const folder = pathOf(prefix);
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ignoreMissing);
      return (entries ?? [])
        .filter((entry) => entry.isFile() && !/^\..*\.tmp$/.test(entry.name))
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .sort();
    },
    async remove(keys) {
      for (const key of keys) await rm(pathOf(key), { force: true });
      // Folders that this leaves empty go as well; others are in use.
      for (const folder of new Set(keys.map((key) => dirname(pathOf(key))))) {
        for (let each = folder; each.length > root.length; each = dirname(each)) {
          if (
            !(await rmdir(each).then(
              () => true,
              () => false,
            ))
          )
            break;
        }
      }
    },
  };
}
