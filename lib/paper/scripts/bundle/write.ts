/**
 * Writes a bundle's folder: Node, the packages without what no program reads, notebooks, results, data.
 */
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, mkdirSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { outputOf } from '../../../base/scripts/program.js';
import { launcherFor, libraryFolder, packedLibraries } from './launcher.js';
import type { InstalledPackage } from './packages.js';
import { droppedBecause, type Platform } from './rules.js';

export interface BundleContent {
  readonly project: string;
  readonly packages: readonly InstalledPackage[];
  readonly platform: Platform;
  readonly notebooks: boolean;
  /** The networks and numbers that ship with the project. */
  readonly results: boolean;
  /** Folders of data to take along. */
  readonly data: readonly string[];
}

export interface Written {
  /** Bytes that were left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Shared libraries that were found and packed. */
  readonly libraries: readonly string[];
}

/** Fills `folder`, which must be empty or missing. */
export async function writeBundle(folder: string, content: BundleContent): Promise<Written> {
  const { project, packages, platform } = content;
  const leftOut: Record<string, number> = {};
  const copyPackage = (from: string, path: string): void =>
    copyKept(from, join(folder, 'node_modules', path), path, platform, leftOut);
  for (const { folder: from, path, parts } of packages) {
    if (parts === undefined) copyPackage(from, path);
    for (const part of parts ?? []) copyPackage(join(from, part), `${path}/${part}`);
  }
  await mkdir(join(folder, 'bin'), { recursive: true });
  await copyFile(await realpath(process.execPath), join(folder, 'bin', 'node'));
  for (const name of ['LICENSE', 'README.md', 'environment.md'])
    await copyFile(join(project, name), join(folder, name));
  if (content.notebooks) await cp(join(project, 'notebooks'), join(folder, 'notebooks'), { recursive: true });
  for (const part of content.results ? ['models', 'results'] : [])
    await cp(join(project, 'data', part), join(folder, 'data', part), { recursive: true });
  for (const data of content.data) {
    await cp(data, join(folder, 'data', 'sets', data.split(/[\\/]/).filter(Boolean).at(-1)!), {
      recursive: true,
    });
  }
  // Where there is a package.json, the library takes the folder for the project's: runs and caches go there.
  await writeFile(
    join(folder, 'package.json'),
    '{ "name": "oabn-bundle", "private": true, "type": "module" }\n',
  );
  await writeFile(join(folder, 'oabn'), launcherFor(packedLibraries));
  await chmod(join(folder, 'oabn'), 0o755);
  return { leftOut, libraries: await packLibraries(folder) };
}

function copyKept(
  from: string,
  to: string,
  path: string,
  platform: Platform,
  leftOut: Record<string, number>,
): void {
  const information = statSync(from);
  if (!information.isDirectory()) {
    const reason = droppedBecause(path, platform);
    if (reason !== undefined) {
      leftOut[reason] = (leftOut[reason] ?? 0) + information.size;
      return;
    }
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    return;
  }
  for (const name of readdirSync(from)) {
    // Packages inside are packages of their own.
    if (name === 'node_modules' || name === '.bin') continue;
    copyKept(join(from, name), join(to, name), `${path}/${name}`, platform, leftOut);
  }
}

/** The Vulkan loader and the C++ run-time of this machine, each in a folder of its own of the bundle. */
async function packLibraries(folder: string): Promise<string[]> {
  const cache = (await outputOf('/sbin/ldconfig', ['-p'])) ?? (await outputOf('ldconfig', ['-p'])) ?? '';
  const packed: string[] = [];
  for (const name of packedLibraries) {
    const found = cache
      .split('\n')
      .find((line) => line.trim().startsWith(`${name} `) && !line.includes('lib32'));
    const path = found?.split('=> ')[1]?.trim();
    if (path === undefined) continue;
    const target = join(folder, libraryFolder(name), name);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(await realpath(path), target);
    packed.push(name);
  }
  return packed;
}

/** SHA-256 of every file below `folder`, by path with `/`, sorted. */
export async function digests(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const paths = files
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  const all: Record<string, string> = {};
  const buffer = Buffer.alloc(2 ** 20);
  for (const path of paths) {
    const hash = createHash('sha256');
    const file = openSync(join(folder, path), 'r');
    for (let read; (read = readSync(file, buffer)) > 0;) hash.update(buffer.subarray(0, read));
    closeSync(file);
    all[path] = hash.digest('hex');
  }
  return all;
}
