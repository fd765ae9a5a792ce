/** Starting a cell's function: with the variables that cells share, and with what they import. */
import { join } from 'node:path';
import { Script } from 'node:vm';
import { cellFileName, cellOffset, cellScript } from '../cellScript.js';
import type { CompiledCell } from '../language/language.js';
import { isPath } from '../specifier.js';
import { importMeta } from './importMeta.js';
import type { LocalModules } from './localModules.js';
import { bindMember, namespaceOf, type Packages } from './packages.js';
import { addSource } from './stackTraces.js';

type CellFunction = (
  scope: object,
  cell: object,
  require: NodeJS.Require,
  filename: string,
  dirname: string,
) => Promise<[unknown] | undefined>;

/** Starts a cell, which the reader knows as number `count`. Resolves to its value, if it has one. */
export type StartCell = (cell: CompiledCell, count: number) => Promise<[unknown] | undefined>;

export interface StartCellOptions {
  readonly folder: string;
  readonly packages: Packages;
  readonly modules: LocalModules;
  /** The module of this name. */
  readonly tslab: object;
  /** What cells have declared. */
  readonly variables: object;
}

export function createStartCell({
  folder,
  packages,
  modules,
  tslab,
  variables,
}: StartCellOptions): StartCell {
  const notebookFile = join(folder, '__notebook__.ts');
  const load = async (specifier: string): Promise<unknown> =>
    specifier === 'tslab'
      ? tslab
      : isPath(specifier)
        ? modules.load(specifier, folder)
        : packages.load(specifier);
  const require = Object.assign(
    (specifier: string): unknown =>
      specifier === 'tslab'
        ? tslab
        : isPath(specifier)
          ? modules.require(specifier, folder)
          : packages.require(specifier),
    { resolve: (specifier: string) => packages.resolve(specifier) },
  ) as unknown as NodeJS.Require;
  const cellTools = {
    load,
    bind: (name: string, module: unknown, member: string): void =>
      bindMember(variables, name, module, member),
    namespace: (module: unknown): unknown => module,
    import: async (specifier: unknown): Promise<unknown> => namespaceOf(await load(String(specifier))),
    meta: importMeta(notebookFile, packages),
  };

  return ({ number, js, map, source }, count) => {
    const filename = cellFileName(number);
    addSource(filename, { name: `Cell [${count}]`, source, map, ...cellOffset });
    const run = new Script(cellScript(js), { filename }).runInThisContext() as CellFunction;
    return run(variables, cellTools, require, notebookFile, folder);
  };
}
