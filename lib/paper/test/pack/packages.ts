/**
 * The packages of this repository as npm would publish them: built, packed, and the list of what is inside.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../../..', import.meta.url));

export interface PackedPackage {
  readonly name: string;
  /** Where the tarball is. */
  readonly tarball: string;
  /** Paths inside the package, such as `dist/index.js`. */
  readonly files: readonly string[];
  /** The files that its `exports` lead to. */
  readonly targets: readonly string[];
  /** Bytes of the tarball. */
  readonly size: number;
  /** The packages of this repository that it needs, directly or through another. */
  readonly needs: readonly string[];
}

/** A package as `npm pack --json` tells of it. */
interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Packs every workspace into `folder`. Their `prepack` scripts build them first. */
export function packAll(folder: string): PackedPackage[] {
  const manifests = readManifest('.').workspaces!.map(readManifest);
  const json = execFileSync('npm', ['pack', '--workspaces', '--json', '--pack-destination', folder], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: 'pipe',
  });
  // A list of packages, or from npm 12 on a record of them by name.
  const packed = Object.values(JSON.parse(json) as Readonly<Record<string, Packed>>);
  return packed.map(({ name, filename, size, files }) => ({
    name,
    size,
    tarball: join(folder, filename),
    files: files.map(({ path }) => path),
    targets: targetsOf(manifests.find((each) => each.name === name)!),
    needs: needsOf(name, manifests),
  }));
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Manifest;

/** Without the leading `./`, as `files` has them. */
function targetsOf({ exports = {} }: Manifest): string[] {
  const paths = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? target : Object.values(target),
  );
  return paths.map((path) => path.replace(/^\.\//, ''));
}

function needsOf(name: string, manifests: readonly Manifest[], seen = new Set<string>()): string[] {
  const dependencies = Object.keys(manifests.find((each) => each.name === name)?.dependencies ?? {});
  for (const each of dependencies) {
    if (seen.has(each) || !manifests.some((manifest) => manifest.name === each)) continue;
    seen.add(each);
    needsOf(each, manifests, seen);
  }
  return [...seen];
}
