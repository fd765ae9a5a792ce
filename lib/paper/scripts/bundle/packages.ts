/**
 * The packages that the library needs when it runs: its dependencies and theirs, found where Node would find
 * them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { UserError } from 'oabn-base';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Below node_modules, with `/`: `tar`, or `danfojs-node/node_modules/tar`. */
  readonly path: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/**
 * All packages that `library` (a folder with package.json) needs, each once, without `left`.
 * @throws UserError for a dependency that is not installed
 */
export function packagesOf(
  library: string,
  nodeModules: string,
  left: readonly string[],
): InstalledPackage[] {
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
      const { version } = manifestIn(place);
      const path = relative(nodeModules, place).split(sep).join('/');
      found.set(place, { name, version, folder: place, path });
      visit(place);
    }
  };
  visit(library);
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
