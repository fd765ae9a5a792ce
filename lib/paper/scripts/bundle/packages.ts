/**
 * The packages that the project needs when it runs: its dependencies and theirs, found where Node would find
 * them. Those of this repository are among them: npm links them into node_modules.
 */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { UserError } from 'oabn-base';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Below node_modules, with `/`: `tar`, or `danfojs-node/node_modules/tar`. */
  readonly path: string;
  /** Of a package of this repository: the parts of its folder that npm would pack. Of others: undefined. */
  readonly parts?: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** What npm packs whether or not `files` names it. */
const alwaysPacked = ['package.json', 'LICENSE', 'README.md'];

/**
 * All packages that `project` (a folder with package.json and node_modules) needs, each once, without `left`.
 * @throws UserError for a dependency that is not installed
 */
export function packagesOf(project: string, left: readonly string[]): InstalledPackage[] {
  const nodeModules = join(project, 'node_modules');
  const found = new Map<string, InstalledPackage>();
  const visit = (folder: string): void => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifestIn(folder);
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      if (left.includes(name)) continue;
      const place = placeOf(name, folder, nodeModules);
      if (place === undefined) {
        if (!(name in dependencies) || name in optionalDependencies) continue;
        throw new UserError(`${name}, which ${folder} needs, is not installed; run npm ci first`);
      }
      if (found.has(place)) continue;
      const { version, files = [] } = manifestIn(place);
      const path = relative(nodeModules, place).split(sep).join('/');
      const parts = [...alwaysPacked, ...files.filter((part) => !part.startsWith('!'))];
      const ours = lstatSync(place).isSymbolicLink();
      found.set(place, { name, version, folder: place, path, ...(ours && { parts }) });
      visit(place);
    }
  };
  visit(project);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Node's search: node_modules beside the package, then in the folders above it, up to the project's. */
function placeOf(name: string, from: string, nodeModules: string): string | undefined {
  for (let folder = from; folder.startsWith(nodeModules); folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name);
    if (existsSync(join(place, 'package.json'))) return place;
  }
  const place = join(nodeModules, name);
  return existsSync(join(place, 'package.json')) ? place : undefined;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
