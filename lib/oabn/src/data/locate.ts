/**
 * What image data a folder holds, judging by names alone: CIFAR-10's binary files or archive, Parquet files
 * as Hugging Face names them, or folders of classes. Nothing is opened here.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { UserError } from 'oabn-base';
import type { Split } from './dataset.js';

/** Data that was found, and where each split of it is. */
export type Found =
  | { readonly format: 'binary'; readonly folder: string }
  | { readonly format: 'archive'; readonly folder: string; readonly path: string }
  | {
      readonly format: 'parquet';
      readonly folder: string;
      readonly files: Partial<Record<Split, readonly string[]>>;
    }
  | { readonly format: 'folders'; readonly folder: string; readonly splits: Partial<Record<Split, string>> };

export const binaryFolder = 'cifar-10-batches-bin';
export const archiveName = 'cifar-10-binary.tar.gz';

/** Names of a split, the preferred first: ImageNet's `test` has no labels, so validation is preferred. */
const splitNames: Record<Split, readonly string[]> = {
  train: ['train'],
  test: ['validation', 'val', 'valid', 'test'],
};

/** All the data in one folder, the closest to the original first. */
export async function findIn(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const place of [folder, join(folder, binaryFolder)]) {
    if (existsSync(join(place, 'data_batch_1.bin')) || existsSync(join(place, 'test_batch.bin'))) {
      found.push({ format: 'binary', folder: place });
    }
  }
  if (existsSync(join(folder, archiveName))) {
    found.push({ format: 'archive', folder, path: join(folder, archiveName) });
  }
  for (const place of [folder, join(folder, 'plain_text'), join(folder, 'data')]) {
    const files = await parquetFiles(place);
    if (files) found.push({ format: 'parquet', folder: place, files });
  }
  const splits: Partial<Record<Split, string>> = {};
  for (const split of ['train', 'test'] as const) {
    for (const name of splitNames[split]) {
      if (!splits[split] && (await hasClassFolders(join(folder, name)))) splits[split] = join(folder, name);
    }
  }
  if (splits.train ?? splits.test) found.push({ format: 'folders', folder, splits });
  return found;
}

/** All files of data that were found, by their paths below its folder. */
export async function filesOf(found: Found): Promise<{ folder: string; files: string[] }> {
  const { folder } = found;
  const below = (paths: readonly string[]): string[] => paths.map((path) => relative(folder, path)).sort();
  switch (found.format) {
    case 'binary': {
      const files = (await namesIn(folder)).filter((name) => /\.(bin|txt)$/.test(name));
      return { folder, files };
    }
    case 'archive':
      return { folder, files: below([found.path]) };
    case 'parquet':
      return { folder, files: below(Object.values(found.files).flat()) };
    case 'folders': {
      const all = await Promise.all(
        Object.values(found.splits).map(async (split) =>
          (await readdir(split, { recursive: true, withFileTypes: true }))
            .filter((entry) => entry.isFile())
            .map((entry) => join(entry.parentPath, entry.name)),
        ),
      );
      return { folder, files: below(all.flat()) };
    }
    default:
      return found satisfies never;
  }
}

/** The names in a folder, sorted; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [] as string[])).sort();
}

/** The sorted names of the folders in a folder (and of links, which may lead to one), without hidden ones. */
export async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
  return folders
    .map((entry) => entry.name)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

export const isImageName = (name: string): boolean => /\.(jpe?g|png|webp)$/i.test(name);

async function parquetFiles(folder: string): Promise<Partial<Record<Split, string[]>> | undefined> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.parquet'));
  const files: Partial<Record<Split, string[]>> = {};
  for (const split of ['train', 'test'] as const) {
    for (const prefix of splitNames[split]) {
      const shards = names.filter((name) => new RegExp(`^${prefix}([-_.]|$)`).test(name));
      if (!files[split] && shards.length > 0) files[split] = shards.map((name) => join(folder, name));
    }
  }
  return (files.train ?? files.test) ? files : undefined;
}

/** @throws UserError when some of the files named like «…-00002-of-00005.parquet» are missing. */
export function checkShards(paths: readonly string[]): void {
  for (const path of paths) {
    const total = /-of-(\d+)\.parquet$/.exec(path)?.[1];
    if (total === undefined || Number(total) === paths.length) continue;
    throw new UserError(
      `${path}: expected ${Number(total)} files of this split, found ${paths.length}. Fetch those that are missing.`,
    );
  }
}

/** `folder/file` of a path: enough to identify a file, and nothing about the machine. */
export const shortName = (path: string): string => path.split(/[\\/]/).filter(Boolean).slice(-2).join('/');

/** One line for several files. */
export function filesName(paths: readonly string[]): string {
  const first = shortName(paths[0]!);
  return paths.length === 1 ? first : `${first} … ${basename(paths.at(-1)!)} (${paths.length} files)`;
}

async function hasClassFolders(folder: string): Promise<boolean> {
  for (const name of (await foldersIn(folder)).slice(0, 3)) {
    const inside = await namesIn(join(folder, name));
    if (inside.some(isImageName) || inside.includes('images')) return true;
  }
  return false;
}
