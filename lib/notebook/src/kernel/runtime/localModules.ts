/**
 * The reader's own files next to the notebook. `.ts` comes compiled from the language thread, with a version:
 * a module is evaluated again when its version changed, which it does when it or anything that it imports
 * did. Other files (JSON, JavaScript) are loaded again when they changed on disk.
 */
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { moduleOffset, moduleScript } from '../cellScript.js';
import type { LocalModule } from '../language/localModules.js';
import { ImportOnly, type Packages } from './packages.js';
import { addSource } from './stackTraces.js';

export interface LocalModules {
  /** Receives the modules that a cell is about to import. */
  update(modules: readonly LocalModule[]): void;
  /** The exports of the file to which `specifier` refers in a file of `folder`. */
  load(specifier: string, folder: string): Promise<unknown>;
  require(specifier: string, folder: string): unknown;
}

interface Evaluated {
  readonly version: string;
  readonly module: { exports: unknown };
}

export const isPath = (specifier: string): boolean =>
  /^(?:\.{1,2}(?:[\\/]|$)|[\\/]|[A-Za-z]:[\\/]|file:)/.test(specifier);

export function createLocalModules(packages: Packages): LocalModules {
  const compiled = new Map<string, LocalModule>();
  const evaluated = new Map<string, Evaluated>();
  const versions = new Map<string, number>();

  const evaluate = (path: string): unknown => {
    const { version, js = '' } = compiled.get(path)!;
    const known = evaluated.get(path);
    if (known?.version === version) return known.module.exports;
    const module = { exports: {} as unknown };
    evaluated.set(path, { version, module });
    const folder = dirname(path);
    const requireHere = (specifier: string): unknown =>
      isPath(specifier) ? require(specifier, folder) : packages.require(specifier);
    const meta = { url: pathToFileURL(path).href, filename: path, dirname: folder };
    try {
      const run = new Script(moduleScript(js), { filename: path }).runInThisContext() as (
        ...args: unknown[]
      ) => void;
      run.call(module.exports, module.exports, requireHere, module, path, folder, meta);
    } catch (error) {
      evaluated.delete(path);
      throw error;
    }
    return module.exports;
  };

  /**
   * The compiled file to which `path` refers, as TypeScript finds it: with its extension or another's, or
   * none.
   */
  const compiledFile = (path: string): string | undefined => {
    const bare = path.replace(/\.([cm]?)jsx?$/, '');
    const extension = /\.([cm]?)jsx?$/.exec(path)?.[1] ?? '';
    const candidates = [
      path,
      ...['ts', 'tsx'].map((end) => `${bare}.${extension}${end}`),
      ...['ts', 'tsx', 'mts', 'cts'].map((end) => `${path}.${end}`),
      join(path, 'index.ts'),
    ];
    return candidates.find((candidate) => compiled.has(candidate));
  };

  const require = (specifier: string, folder: string): unknown => {
    const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(folder, specifier);
    const file = compiledFile(path);
    if (file !== undefined) return evaluate(file);
    const requireFile = createRequire(join(folder, '__notebook__.js'));
    const found = requireFile.resolve(path);
    const changed = existsSync(found) ? statSync(found).mtimeMs : 0;
    if (versions.has(found) && versions.get(found) !== changed)
      Reflect.deleteProperty(requireFile.cache, found);
    versions.set(found, changed);
    return requireFile(found);
  };

  return {
    require,
    update(modules) {
      for (const module of modules) {
        const { path, js, map, source } = module;
        if (js === undefined) continue;
        compiled.set(path, module);
        if (map) addSource(path, { name: path, source: source ?? '', map, ...moduleOffset });
      }
      for (const { path, version } of modules) {
        const known = compiled.get(path);
        if (known && known.version !== version) compiled.set(path, { ...known, version });
      }
    },
    async load(specifier, folder) {
      for (;;) {
        try {
          return require(specifier, folder);
        } catch (error) {
          // Nothing of the module was kept, so it is evaluated again once the package is there.
          if (!(error instanceof ImportOnly)) throw error;
          await packages.load(error.specifier);
        }
      }
    },
  };
}
