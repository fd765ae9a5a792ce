/** `import.meta` of cells and of the reader's modules, which run as scripts and have none of Node's. */
import { isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPath } from '../specifier.js';
import type { Packages } from './packages.js';

/** What Node gives a module, for the file at `path`. */
export function importMeta(path: string, packages: Packages): object {
  const url = pathToFileURL(path).href;
  return {
    url,
    filename: path,
    dirname: dirname(path),
    /** The URL of a module, whether it is there or not; of a package, that of the file which `import` loads. */
    resolve(specifier: string): string {
      if (isPath(specifier) || URL.canParse(specifier)) return new URL(specifier, url).href;
      if (isBuiltin(specifier)) return `node:${specifier}`;
      return pathToFileURL(packages.resolve(specifier)).href;
    },
  };
}
