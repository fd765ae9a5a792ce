/**
 * The files of a run's folder by name, and checksums of those that the run itself made, such as its network.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileDigest, ignoreMissing } from 'oabn-base';
import { onDisk } from './durable.js';

export const fileNames = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  result: 'result.json',
  provenance: 'provenance.json',
  error: 'error.json',
  progress: 'progress.json',
  lock: 'lock',
} as const;

/**
 * The store's own files, which contain checksums or change after the result; temporary files; and what was
 * set aside.
 */
function isOwn(name: string): boolean {
  const own: readonly string[] = Object.values(fileNames).filter((each) => each !== fileNames.metrics);
  return own.includes(name) || /^(\.|lock\.|checkpoint-)|\.damaged$/.test(name);
}

/** Name → SHA-256 of the files in `folder` that the run made, and of its metrics. */
export async function digestFiles(folder: string): Promise<Record<string, string>> {
  const entries = await onDisk(folder, () => readdir(folder, { withFileTypes: true }));
  const names = entries.filter((entry) => entry.isFile() && !isOwn(entry.name)).map(({ name }) => name);
  const digests: [string, string][] = [];
  for (const name of names.sort()) digests.push([name, await digestOf(join(folder, name))]);
  return Object.fromEntries(digests);
}

/**
 * Why the file `name` of a run cannot be used, or undefined if it can: it is missing, or not as the run left
 * it.
 * @param expected its SHA-256; undefined where the run did not record it, like earlier versions
 */
export async function damageOf(
  folder: string,
  name: string,
  expected: string | undefined,
): Promise<string | undefined> {
  const path = join(folder, name);
  const found = await onDisk(path, () => fileDigest(path).catch(ignoreMissing));
  if (found === undefined) return `${path} is not there`;
  return expected === undefined || found === expected
    ? undefined
    : `${path} is damaged: its checksum is ${found}, expected ${expected}`;
}

const digestOf = (path: string): Promise<string> => onDisk(path, () => fileDigest(path));
