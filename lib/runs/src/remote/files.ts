/** Files of a folder in a store of objects: each with its digest, so that what comes back is what went in. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { check, fileDigest, ignoreMissing, sha256 } from 'oabn-base';
import pLimit from 'p-limit';
import { makeFolder, onDisk, writeDurable } from '../store/durable.js';
import type { Objects } from './objects.js';

/** A file of a folder that was put into a store. */
export interface FileEntry {
  /** Relative to the folder, with `/`. */
  readonly name: string;
  /** Its size. */
  readonly bytes: number;
  /** The SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string;
  /** The whole content of a short text, which then needs no object and no request of its own. */
  readonly text?: string;
}

/** The largest size in bytes of a text that is kept in the list of files itself. */
const mostText = 16_384;

/** The names of all files in `folder` and below, sorted; temporary ones are left out. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await onDisk(folder, () =>
    readdir(folder, { recursive: true, withFileTypes: true }).catch(ignoreMissing),
  );
  return (entries ?? [])
    .filter((entry) => entry.isFile() && !/^\..*\.tmp$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/**
 * Puts the files `names` of `folder` below `prefix`, except for short texts, which go into the entries
 * themselves because a request would take longer.
 */
export async function putEntries(
  objects: Objects,
  prefix: string,
  folder: string,
  names: readonly string[],
): Promise<FileEntry[]> {
  const inTurn = pLimit(4);
  const sizes = await Promise.all(
    names.map((name) => inTurn(async () => (await stat(pathIn(folder, name))).size)),
  );
  let left = mostText;
  return await Promise.all(
    names.map((name, i) => {
      const isShort = sizes[i]! <= left;
      if (isShort) left -= sizes[i]!;
      return inTurn(async () =>
        isShort
          ? await putBytes(objects, prefix, name, await readFile(pathIn(folder, name)))
          : await putEntry(objects, prefix, folder, name),
      );
    }),
  );
}

const pathIn = (folder: string, name: string): string => join(folder, ...name.split('/'));

/** `pathIn` for names from a file that others can write: none may lead out of the folder. */
function safePathIn(folder: string, name: string, { address }: Objects): string {
  const path = pathIn(folder, name);
  check(
    !relative(folder, path).startsWith('..') && !name.startsWith('/'),
    `${address} names a file outside its folder: ${name}`,
  );
  return path;
}

/** Puts the file `name` of `folder` below `prefix`. */
export async function putEntry(
  objects: Objects,
  prefix: string,
  folder: string,
  name: string,
): Promise<FileEntry> {
  const path = pathIn(folder, name);
  const [digest, { size }] = await Promise.all([fileDigest(path), stat(path)]);
  await objects.putFile(prefix + name, path);
  return { name, bytes: size, sha256: digest };
}

/** Puts `bytes` below `prefix`, as a file `name`; a short text goes into the entry. */
export async function putBytes(
  objects: Objects,
  prefix: string,
  name: string,
  bytes: Uint8Array,
): Promise<FileEntry> {
  const entry = { name, bytes: bytes.length, sha256: sha256(bytes) };
  const text = bytes.length <= mostText ? textOf(bytes) : undefined;
  if (text !== undefined) return { ...entry, text };
  await objects.put(prefix + name, bytes);
  return entry;
}

/** `bytes` as a text that gives the same bytes; undefined where there is none. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Fetches a file that `putEntry` put below `prefix` into `folder`, unless it is there with the same digest.
 * @throws UserError when it is missing in the store, came back damaged twice, or its name leads out of
 * `folder`
 */
export async function fetchEntry(
  objects: Objects,
  prefix: string,
  folder: string,
  entry: FileEntry,
): Promise<void> {
  const path = safePathIn(folder, entry.name, objects);
  const whole = async (): Promise<boolean> => {
    const found = await stat(path).catch(ignoreMissing);
    return found?.size === entry.bytes && (await fileDigest(path)) === entry.sha256;
  };
  await makeFolder(dirname(path));
  if (await onDisk(path, whole)) return;
  const damaged = (): string =>
    `${prefix}${entry.name} in ${objects.address} is damaged: its SHA-256 is not ${entry.sha256}. Remove the run and request it again.`;
  if (entry.text !== undefined) {
    const bytes = bytesOf(entry.text);
    check(sha256(bytes) === entry.sha256, damaged);
    return await writeDurable(path, bytes);
  }
  for (let attempt = 1; ; attempt++) {
    const there = await onDisk(path, () => objects.getFile(prefix + entry.name, path));
    check(there, () => `${prefix}${entry.name} is not in ${objects.address}, although its run names it`);
    if (await onDisk(path, whole)) return;
    await rm(path, { force: true });
    check(attempt < 2, damaged);
  }
}

/** A JSON value under `key`; undefined if there is none, or it is not JSON. */
export async function getJson(objects: Objects, key: string): Promise<unknown> {
  const bytes = await objects.get(key);
  if (!bytes) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

/** `value` as the bytes of indented JSON, as the local store writes it. */
export const jsonBytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/** The bytes of a file, as they are, unchecked; undefined if it is not there. */
export async function getEntry(
  objects: Objects,
  prefix: string,
  { name, text }: FileEntry,
): Promise<Uint8Array | undefined> {
  return text === undefined ? await objects.get(prefix + name) : bytesOf(text);
}

/**
 * Fetches `entries` into memory, checked: the bytes by the path that they have in `folder`; undefined if one
 * of them is missing or damaged.
 * @throws UserError when a name leads out of `folder`
 */
export async function fetchAll(
  objects: Objects,
  prefix: string,
  folder: string,
  entries: readonly FileEntry[],
): Promise<Map<string, Uint8Array> | undefined> {
  const found = new Map<string, Uint8Array>();
  for (const entry of entries) {
    const path = safePathIn(folder, entry.name, objects);
    const bytes = await getEntry(objects, prefix, entry);
    if (!bytes || sha256(bytes) !== entry.sha256) return undefined;
    found.set(path, bytes);
  }
  return found;
}
