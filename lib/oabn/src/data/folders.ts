/**
 * Class folders: `train/n01440764/….JPEG`, as ImageNet is unpacked (and `train/n01440764/images/….JPEG`, as
 * Tiny-ImageNet is). A folder's place in the sorted list of class names is its label.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cannotRead, check, sha256 } from 'oabn-base';
import type { Split } from './dataset.js';
import { foldersIn, isImageName, namesIn, shortName } from './locate.js';
import type { EncodedImages } from './parquet.js';

/**
 * The images of one split in class folders, sorted by class and name.
 * @param classes folder names in the order of the labels
 * @throws UserError for a folder that is not among `classes`, and when there is no image
 */
export async function openFolders(
  folder: string,
  classes: readonly string[],
): Promise<EncodedImages & { readonly checksum: string }> {
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const paths: string[] = [];
  const labels: number[] = [];
  for (const name of await foldersIn(folder)) {
    const label = labelOf.get(name);
    check(
      label !== undefined,
      `${join(folder, name)} is not one of the ${classes.length} classes listed in wnids.txt`,
    );
    for (const path of await imagesIn(join(folder, name))) {
      paths.push(path);
      labels.push(label);
    }
  }
  check(paths.length > 0, `${folder} holds no images in class folders`);
  return {
    size: paths.length,
    labels: Int32Array.from(labels),
    checksum: `listing-sha256:${sha256(paths.map((path) => `${shortName(path)}\n`).join(''))}`,
    where: (row) => paths[row]!,
    read: (row) => readFile(paths[row]!).catch(cannotRead(paths[row]!)),
  };
}

/**
 * Folder names in the order of the labels: `wnids.txt` next to the splits, or the sorted names of all splits.
 */
export async function classFolders(splits: Partial<Record<Split, string>>): Promise<string[]> {
  const folders = Object.values(splits);
  const listed = await readWnids(dirname(folders[0]!));
  if (listed) return listed;
  const names = await Promise.all(folders.map(foldersIn));
  return [...new Set(names.flat())].sort();
}

/** The lines of `wnids.txt` in a folder or the one above it, if there is one. */
export async function readWnids(folder: string): Promise<string[] | undefined> {
  const text = await readFirst([join(folder, 'wnids.txt'), join(dirname(folder), 'wnids.txt')]);
  return text?.split(/\s+/).filter(Boolean);
}

/**
 * Readable names of WordNet ids, from words.tsv, words.txt or LOC_synset_mapping.txt; an id without one
 * stays.
 */
export async function classNamesOf(wnids: readonly string[], folder: string): Promise<string[]> {
  const names = ['words.tsv', 'words.txt', 'LOC_synset_mapping.txt'];
  const text = await readFirst(
    [folder, dirname(folder)].flatMap((place) => names.map((name) => join(place, name))),
  );
  const words = new Map<string, string>();
  for (const line of (text ?? '').split(/\r?\n/)) {
    const [, wnid, synonyms] = /^(n\d{8})[\t ]+(.+)$/.exec(line) ?? [];
    if (wnid && synonyms) words.set(wnid, synonyms.split(',')[0]!.trim());
  }
  return wnids.map((wnid) => words.get(wnid) ?? wnid);
}

/** The image files of one class, sorted: those in the folder, or in its folder `images`. */
async function imagesIn(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  const images = names.filter(isImageName).map((name) => join(folder, name));
  if (images.length > 0 || !names.includes('images')) return images;
  return (await namesIn(join(folder, 'images')))
    .filter(isImageName)
    .map((name) => join(folder, 'images', name));
}

async function readFirst(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}
