/**
 * Packages for cells. They are looked for from the notebook's folder first and then among the kernel's own,
 * by `require` (which also loads ES modules) and, where a package only allows `import`, by that. A package
 * that gives the two something different is imported where the reader's code says `import`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isModuleNamespaceObject } from 'node:util/types';
import { constants, Script } from 'node:vm';
import { printTensors } from './tensors.js';

export interface Packages {
  /** The exports of a package. @throws the error of the notebook's folder if it is not found anywhere. */
  load(name: string): Promise<unknown>;
  /** The same without waiting. @throws ImportOnly for a package that has to be waited for. */
  import(name: string): unknown;
  /** What `require` gives. @throws ImportOnly for a package that cannot be required. */
  require(name: string): unknown;
  resolve(name: string): string;
}

/** A package or module that has to be waited for. */
export class ImportOnly extends Error {
  override readonly name = 'ImportOnly';
  constructor(
    specifier: string,
    /** After this, it can be required. */
    readonly load: () => Promise<unknown>,
  ) {
    super(`«${specifier}» can only be loaded by import`);
  }
}

/** What `attempt` returns, which is tried again after each part of it that has to be waited for. */
export async function whenLoaded<T>(attempt: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ImportOnly)) throw error;
      await error.load();
    }
  }
}

type Import = (name: string) => Promise<unknown>;

/** `import()` as a file in `folder` would do it. */
const importFrom = (folder: string): Import =>
  new Script('(name) => import(name)', {
    filename: join(folder, '__notebook__.js'),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as Import;

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code;

const importOnlyCodes: ReadonlySet<string | undefined> = new Set([
  'ERR_REQUIRE_ASYNC_MODULE',
  'ERR_REQUIRE_ESM',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
]);

/** Whether `error` is Node's for what only `import()` loads. */
export const needsImport = (error: unknown): boolean => importOnlyCodes.has(codeOf(error));

/** @param own modules of Node's that cells have in a form of their own */
export function createPackages(
  folder: string,
  kernelFile: string,
  own: ReadonlyMap<string, unknown>,
): Packages {
  const places = [
    { require: createRequire(join(folder, '__notebook__.js')), import: importFrom(folder) },
    { require: createRequire(kernelFile), import: (name: string) => import(name) },
  ];
  const imported = new Map<string, unknown>();

  /** The first place that has `name`. A package that is there, but fails, is not looked for elsewhere. */
  const placeOf = (name: string): (typeof places)[number] => {
    for (const place of places) {
      try {
        place.require.resolve(name);
        return place;
      } catch (error) {
        if (codeOf(error) !== 'MODULE_NOT_FOUND') return place;
      }
    }
    return places[0]!;
  };
  const require = (name: string): unknown => {
    if (own.has(name)) return own.get(name);
    if (imported.has(name)) return imported.get(name);
    try {
      const exports: unknown = placeOf(name).require(name);
      printTensors(exports);
      return exports;
    } catch (error) {
      if (!needsImport(error)) throw error;
      throw importOnly(name, imported, (exports) => exports);
    }
  };
  const importOnly = (
    name: string,
    known: Map<string, unknown>,
    asSeen: (exports: unknown) => unknown,
  ): ImportOnly =>
    new ImportOnly(name, async () => {
      const exports = await placeOf(name).import(name);
      known.set(name, asSeen(exports));
      printTensors(exports);
    });
  /** What `import` gives of packages that give `require` something else. */
  const importedApart = new Map<string, unknown>();
  const importNow = (name: string): unknown => {
    if (importedApart.has(name)) return importedApart.get(name);
    const { require: requireHere } = placeOf(name);
    if (own.has(name) || !isDual(name, requireHere)) return require(name);
    throw importOnly(name, importedApart, (exports) => withoutWrapper(exports, requireHere));
  };
  return {
    require,
    import: importNow,
    resolve: (name) => placeOf(name).require.resolve(name),
    load: (name) => whenLoaded(() => importNow(name)),
  };
}

/** Whether the package of the module `name` says what `import` gives, which `require` may not give. */
function isDual(name: string, requireHere: NodeJS.Require): boolean {
  const [folder] = /^(?:@[^/]+\/)?[^/]+/.exec(name) ?? [];
  if (folder === undefined || folder.startsWith('#') || folder.startsWith('node:')) return false;
  const files = (requireHere.resolve.paths(name) ?? []).map((path) => join(path, folder, 'package.json'));
  const file = files.find((path) => existsSync(path));
  if (file === undefined) return false;
  try {
    const { exports } = JSON.parse(readFileSync(file, 'utf8')) as { exports?: unknown };
    return /"import":/.test(JSON.stringify(exports ?? null));
  } catch {
    return false;
  }
}

/**
 * For a CommonJS module that was imported, its own exports, because Node does not find all of their names; the
 * module as it is if it is none.
 */
function withoutWrapper(module: unknown, requireHere: NodeJS.Require): unknown {
  const { default: exports } = module as Exports;
  const names = Object.keys(module as Exports).filter(
    (name) => !['default', 'module.exports'].includes(name),
  );
  const isWrapper =
    exports !== undefined && Object.values(requireHere.cache).some((each) => each?.exports === exports);
  return isWrapper && names.every((name) => has(exports, name)) ? exports : module;
}

type Exports = Readonly<Record<string, unknown>>;

const has = (value: unknown, name: string): boolean =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') && name in value;

/** What `import { name } from` gives of `module`, whichever kind it is. */
function memberOf(module: unknown, name: string): unknown {
  const exports = module as Exports;
  if (name === 'default') {
    if (!isModuleNamespaceObject(module)) return has(module, '__esModule') ? exports.default : module;
    const { default: value } = exports;
    return has(value, '__esModule') ? (value as Exports).default : value;
  }
  if (!has(module, name) && has(exports?.default, name)) return (exports.default as Exports)[name];
  return exports[name];
}

/**
 * Makes `scope[name]` what `import { member as name }` gives: the module's own variable, also after it has
 * changed, until something else is declared by that name.
 * @throws what a getter of the module throws
 */
export function bindMember(scope: object, name: string, module: unknown, member: string): void {
  memberOf(module, member);
  const isOwn = member !== 'default' && has(module, member);
  Object.defineProperty(scope, name, {
    configurable: true,
    enumerable: true,
    get: isOwn ? () => (module as Exports)[member] : () => memberOf(module, member),
    set: (value: unknown) =>
      void Object.defineProperty(scope, name, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      }),
  });
}

const interoperables = new WeakMap<object, object>();

/**
 * `module` for compiled `import`s, which ask for `__esModule` before they take `default`: Node's `require`
 * gives it to ES modules, `import()` does not.
 */
export function interoperable(module: unknown): unknown {
  if (!isModuleNamespaceObject(module) || has(module, '__esModule') || !has(module, 'default')) return module;
  const exports = module as Exports;
  const known = interoperables.get(exports);
  if (known) return known;
  const made = Object.defineProperty({}, '__esModule', { value: true });
  for (const name of Object.keys(exports))
    Object.defineProperty(made, name, { enumerable: true, get: () => exports[name] });
  interoperables.set(exports, made);
  return made;
}

/** What `import()` gives of `module`: with `default`, also for a CommonJS one. */
export function namespaceOf(module: unknown): unknown {
  if (isModuleNamespaceObject(module) || has(module, '__esModule')) return module;
  return { ...(module as object), default: module };
}
