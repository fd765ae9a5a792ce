/**
 * How a cell in any folder finds `oabn` and its dependencies.
 *
 * tslab resolves `import … from 'oabn'` twice, both times from the notebook's folder: its TypeScript looks for the
 * types, then Node's `require` looks for the code. In a folder that has no node_modules above it, both fail. So:
 * - `require` falls back on our node_modules through NODE_PATH, which Node looks at last;
 * - the type checker is shown a `node_modules` beside the notebook whose packages are ours wherever the reader has
 *   none of the same name. Only look-ups are answered so: nothing is written into the reader's folder.
 *
 * Declarations are read as TypeScript 5.0 understands them: TypeScript 5.7 made typed arrays generic over their
 * buffer, and the compiler that tslab carries would take `Float32Array<ArrayBuffer>` for an error, hence for `any`.
 */
import { existsSync } from 'node:fs';
import { Module } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** The file-system calls of `ts.sys` that module resolution makes. */
export interface TypeScriptSystem {
  fileExists(path: string): boolean;
  readFile(path: string, encoding?: string): string | undefined;
  directoryExists(path: string): boolean;
  realpath?(path: string): string;
}

/** Every existing node_modules folder from `folder` upwards, nearest first. */
export function moduleFolders(folder: string): string[] {
  const folders: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules');
    if (existsSync(candidate)) folders.push(candidate);
    if (dirname(at) === at) return folders;
  }
}

/** Lets every `require` of this process fall back on `folders`, after the folders of NODE_PATH. */
export function addRequirePaths(folders: readonly string[]): void {
  const paths = [process.env.NODE_PATH, ...folders].filter(Boolean);
  process.env.NODE_PATH = paths.join(delimiter);
  // Node reads NODE_PATH once, at start; this is how it reads it (stable since Node 0.6, but not documented).
  (Module as unknown as { _initPaths(): void })._initPaths();
}

const slashes = (path: string): string => path.replaceAll('\\', '/');

/** The files that `path`, if it is below `<workingFolder>/node_modules`, may stand for, best first. */
export function overlaidPaths(path: string, workingFolder: string, folders: readonly string[]): string[] {
  const prefix = `${slashes(workingFolder).replace(/\/$/, '')}/node_modules/`;
  const name = slashes(path).startsWith(prefix) ? slashes(path).slice(prefix.length) : '';
  // tslab brings types for Node itself; a second set of them, from here, would be declared twice.
  if (name === '' || name.startsWith('@types')) return [path];
  return [path, ...folders.map((folder) => `${slashes(folder)}/${name}`)];
}

const genericArray =
  /\b((?:Uint|Int|Float|BigInt|BigUint)\d+(?:Clamped)?Array|DataView|Buffer)<ArrayBuffer(?:Like)?>/g;

/** A declaration file as TypeScript before 5.7 understands it. */
export const withoutArrayGenerics = (declarations: string): string =>
  declarations.replace(genericArray, '$1');

/** Makes `system` answer for `folders` below `<workingFolder>/node_modules`. */
export function overlayModules(
  system: TypeScriptSystem,
  workingFolder: string,
  folders: readonly string[],
): void {
  const { fileExists, readFile, directoryExists, realpath } = system;
  const candidates = (path: string): string[] => overlaidPaths(path, workingFolder, folders);
  const root = `${slashes(workingFolder).replace(/\/$/, '')}/node_modules`;

  system.fileExists = (path) => candidates(path).some((at) => fileExists.call(system, at));
  system.directoryExists = (path) =>
    slashes(path) === root || candidates(path).some((at) => directoryExists.call(system, at));
  system.readFile = (path, encoding) => {
    const found = candidates(path).find((at) => fileExists.call(system, at)) ?? path;
    const text = readFile.call(system, found, encoding);
    return text !== undefined && /\.d\.[cm]?ts$/.test(path) ? withoutArrayGenerics(text) : text;
  };
  if (realpath) {
    system.realpath = (path) => {
      const found = candidates(path).find(
        (at) => fileExists.call(system, at) || directoryExists.call(system, at),
      );
      return realpath.call(system, found ?? path);
    };
  }
}
