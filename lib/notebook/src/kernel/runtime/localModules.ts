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
import { isPath } from '../specifier.js';
import { importMeta } from './importMeta.js';
import {
  ImportOnly,
  interoperable,
  namespaceOf,
  needsImport,
  type Packages,
  whenLoaded,
} from './packages.js';
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
  /** Present while the module awaits. */
  ended?: Promise<void>;
}

const none: ReadonlySet<string> = new Set();

export function createLocalModules(packages: Packages): LocalModules {
  const compiled = new Map<string, LocalModule>();
  const evaluated = new Map<string, Evaluated>();
  const requireFile = createPlainFiles();

  /** Evaluates a compiled file as a module. Returns a promise if it awaits. */
  const start = (
    { path, js = '', awaits = false }: LocalModule,
    module: { exports: unknown },
    importers: ReadonlySet<string>,
  ): void | Promise<void> => {
    const folder = dirname(path);
    const from =
      (ofPackage: (name: string) => unknown) =>
      (specifier: string): unknown =>
        isPath(specifier) ? require(specifier, folder, importers) : ofPackage(specifier);
    // What is compiled from `import`, and what the reader wrote.
    const importNow = from((name) => interoperable(packages.import(name)));
    const requireHere = from(packages.require);
    const importHere = async (specifier: unknown): Promise<unknown> => {
      const name = String(specifier);
      return namespaceOf(await (isPath(name) ? load(name, folder) : packages.load(name)));
    };
    const meta = importMeta(path, packages);
    const run = new Script(moduleScript(js, awaits), { filename: path }).runInThisContext() as (
      ...args: unknown[]
    ) => void | Promise<void>;
    return run.call(
      module.exports,
      module.exports,
      importNow,
      requireHere,
      module,
      path,
      folder,
      meta,
      importHere,
    );
  };

  /**
   * The exports of a compiled file; of a file among `importers`, which is being evaluated, as far as it has come.
   * @throws ImportOnly for a file that awaits
   */
  const evaluate = (path: string, importers: ReadonlySet<string>): unknown => {
    const compiledModule = compiled.get(path)!;
    const { version, awaits } = compiledModule;
    let known = evaluated.get(path);
    if (known?.version !== version) {
      const begun: Evaluated = { version, module: { exports: {} } };
      const forget = (error: unknown): never => {
        if (evaluated.get(path) === begun) evaluated.delete(path);
        throw error;
      };
      evaluated.set(path, (known = begun));
      const attempt = (): void | Promise<void> =>
        start(compiledModule, begun.module, new Set([...importers, path]));
      if (awaits) {
        begun.ended = whenLoaded(attempt)
          .finally(() => delete begun.ended)
          .catch(forget);
        // Whoever imports it is told.
        begun.ended.catch(() => undefined);
      } else {
        try {
          void attempt();
        } catch (error) {
          forget(error);
        }
      }
    }
    const { ended } = known;
    if (ended && !importers.has(path)) throw new ImportOnly(path, () => ended);
    return known.module.exports;
  };

  const require = (specifier: string, folder: string, importers: ReadonlySet<string> = none): unknown => {
    const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(folder, specifier);
    const file = compiledFile(path, compiled);
    return file === undefined ? requireFile(path, folder) : evaluate(file, importers);
  };
  // Nothing is kept of a module that could not be evaluated because another has to be waited for.
  const load = (specifier: string, folder: string): Promise<unknown> =>
    whenLoaded(() => require(specifier, folder));

  return {
    require,
    load,
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
  };
}

/** The compiled file to which `path` refers, as TypeScript finds it: with its extension or another's, or none. */
function compiledFile(path: string, compiled: ReadonlyMap<string, unknown>): string | undefined {
  const bare = path.replace(/\.([cm]?)jsx?$/, '');
  const extension = /\.([cm]?)jsx?$/.exec(path)?.[1] ?? '';
  const candidates = [
    path,
    ...['ts', 'tsx'].map((end) => `${bare}.${extension}${end}`),
    ...['ts', 'tsx', 'mts', 'cts'].map((end) => `${path}.${end}`),
    join(path, 'index.ts'),
  ];
  return candidates.find((candidate) => compiled.has(candidate));
}

/** A function that requires JSON or JavaScript as it is on disk now, by its path, from a folder. */
function createPlainFiles(): (path: string, folder: string) => unknown {
  const versions = new Map<string, number>();
  /** What only `import()` loads, by its URL with the time of the last change. */
  const imported = new Map<string, unknown>();
  return (path, folder) => {
    const requireHere = createRequire(join(folder, '__notebook__.js'));
    const found = requireHere.resolve(path);
    const changed = existsSync(found) ? statSync(found).mtimeMs : 0;
    if (versions.has(found) && versions.get(found) !== changed)
      Reflect.deleteProperty(requireHere.cache, found);
    versions.set(found, changed);
    const url = `${pathToFileURL(found).href}?${changed}`;
    if (imported.has(url)) return imported.get(url);
    try {
      return requireHere(found);
    } catch (error) {
      if (!needsImport(error)) throw error;
      throw new ImportOnly(found, async () => imported.set(url, await import(url)));
    }
  };
}
