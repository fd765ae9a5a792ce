/**
 * Data sets in the store: the files of a folder, named by the data set's checksum, put there once by whoever
 * has them and fetched once by each machine that does not.
 */
import { join } from 'node:path';
import { check, type Progress, silent } from 'oabn-base';
import pLimit from 'p-limit';
import { readJsonIfWhole, writeJsonDurable } from '../store/durable.js';
import { fetchEntry, type FileEntry, getJson, jsonBytes, putEntry } from './files.js';
import type { Objects } from './objects.js';

interface DataList {
  readonly format: 'provable-runs-data-1';
  readonly files: readonly FileEntry[];
}

const listKey = (name: string): string => `data/${checked(name)}.json`;
const prefixOf = (name: string): string => `data/${checked(name)}/`;

/** Names become keys and folders: a checksum, or a word. */
function checked(name: string): string {
  check(/^[\w.-]+$/.test(name) && !/^\.+$/.test(name), `${name} cannot name a data set in a store`);
  return name;
}

/** Whether the data set of that name is in the store, whole. */
export async function hasData(objects: Objects, name: string): Promise<boolean> {
  return (await getJson(objects, listKey(name))) !== undefined;
}

/**
 * Puts the files `names` of `folder` into the store as the data set `name`, unless it is there. Returns
 * whether it did.
 */
export async function putData(
  objects: Objects,
  name: string,
  folder: string,
  names: readonly string[],
  progress: Progress = silent,
): Promise<boolean> {
  if (await hasData(objects, name)) return false;
  check(names.length > 0, `There are no files in ${folder} to put into ${objects.address}`);
  const files: FileEntry[] = [];
  for (const each of names) {
    files.push(await putEntry(objects, prefixOf(name), folder, each));
    progress({ task: `data to ${objects.address}`, done: files.length, total: names.length });
  }
  await objects.put(listKey(name), jsonBytes({ format: 'provable-runs-data-1', files } satisfies DataList));
  return true;
}

/**
 * The folder below `cache` that holds the data set `name`, fetched if it is not there; undefined if the store
 * does not have it.
 * @throws UserError when a file comes back damaged
 */
export async function fetchData(
  objects: Objects,
  name: string,
  cache: string,
  progress: Progress = silent,
): Promise<string | undefined> {
  const folder = join(cache, checked(name));
  const whole = join(cache, `${name}.json`);
  if ((await readJsonIfWhole(whole)) !== undefined) return folder;
  const list = (await getJson(objects, listKey(name))) as DataList | undefined;
  if (list?.format !== 'provable-runs-data-1') return undefined;
  let done = 0;
  const inTurn = pLimit(4);
  await Promise.all(
    list.files.map((entry) =>
      inTurn(async () => {
        await fetchEntry(objects, prefixOf(name), folder, entry);
        progress({ task: `data from ${objects.address}`, done: ++done, total: list.files.length });
      }),
    ),
  );
  await writeJsonDurable(whole, list);
  return folder;
}
