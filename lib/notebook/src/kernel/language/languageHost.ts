/**
 * The files that TypeScript sees: cells, which exist only in memory next to the notebook, and what they
 * import. A package is looked for from the notebook's folder first and then from the kernel's own, so that
 * `import … from` of what comes with the kernel works in any folder; the same holds for the types of Node.
 */
import { statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { isPath } from '../specifier.js';
import ts from './typescript.js';
import { jsDocParsingMode } from './documentation.js';

export interface LanguageHostOptions {
  /** The notebook's folder. */
  readonly folder: string;
  /** Files whose packages are offered where the notebook's folder has none of that name, best first. */
  readonly fallbacks: readonly string[];
  readonly compilerOptions: ts.CompilerOptions;
  /** The files to start from. */
  rootFiles(): string[];
  /** A file in memory, and how often it has changed; undefined for a file on disk. */
  memoryFile(path: string): { readonly text: string; readonly version: string } | undefined;
}

const isNodeTypes = (path: string): boolean => /[\\/]@types[\\/]node[\\/]/.test(path);

export const isPackageFile = (path: string): boolean => /[\\/]node_modules[\\/]/.test(path);

/** Changes when the file does; undefined when there is none. */
export function diskVersion(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.mtimeMs}:${stat.size}`;
}

/** A host for `ts.createLanguageService`. */
export function createLanguageHost(options: LanguageHostOptions): ts.LanguageServiceHost {
  const { folder, fallbacks, compilerOptions, memoryFile } = options;
  const { sys } = ts;
  const fileExists = (path: string): boolean => memoryFile(path) !== undefined || sys.fileExists(path);
  const readFile = (path: string, encoding?: string): string | undefined =>
    memoryFile(path)?.text ?? sys.readFile(path, encoding);
  const snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  const cache = ts.createModuleResolutionCache(folder, (path) => path, compilerOptions);
  const resolutionHost: ts.ModuleResolutionHost = {
    fileExists,
    readFile: (path) => readFile(path),
    directoryExists: (path) => sys.directoryExists(path),
    getDirectories: (path) => sys.getDirectories(path),
    ...(sys.realpath && { realpath: (path: string) => sys.realpath!(path) }),
    getCurrentDirectory: () => folder,
  };
  const kept = keeper<ts.ResolvedModuleWithFailedLookupLocations>();
  const keptTypes = keeper<ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations>();
  // TypeScript asks the host for this too, without saying so in its declarations; it saves thousands of
  // look-ups.
  const host: ts.LanguageServiceHost & { getModuleResolutionCache(): ts.ModuleResolutionCache } = {
    getScriptFileNames: () => options.rootFiles(),
    getScriptVersion(path) {
      const memory = memoryFile(path);
      if (memory) return memory.version;
      // Packages and TypeScript's own declarations are assumed not to change; the reader's files are not.
      return isPackageFile(path) ? 'unchanging' : (diskVersion(path) ?? 'missing');
    },
    getScriptSnapshot(path) {
      const version = host.getScriptVersion(path);
      const known = snapshots.get(path);
      if (known?.version === version) return known.snapshot;
      const text = readFile(path);
      if (text === undefined) return undefined;
      const snapshot = ts.ScriptSnapshot.fromString(text);
      snapshots.set(path, { version, snapshot });
      return snapshot;
    },
    jsDocParsingMode,
    getCompilationSettings: () => compilerOptions,
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    useCaseSensitiveFileNames: () => sys.useCaseSensitiveFileNames,
    fileExists,
    readFile,
    readDirectory: (path, ...rest) => sys.readDirectory(path, ...rest),
    directoryExists: (path) => sys.directoryExists(path),
    getDirectories: (path) => sys.getDirectories(path),
    realpath: sys.realpath?.bind(sys),
    getModuleResolutionCache: () => cache,
    resolveModuleNameLiterals(literals, containingFile, redirected, settings) {
      const inNodeTypes = isNodeTypes(containingFile);
      return literals.map(({ text }) => {
        // The types of Node declare it: no folder has it, and all of them would be searched for it.
        if (text.startsWith('node:') || (inNodeTypes && isBuiltin(text))) return unresolved;
        const cell = memoryFile(join(dirname(containingFile), `${text}.ts`).replaceAll('\\', '/'));
        if (cell) return resolvedCell(containingFile, text);
        // The imports of a package stay as they are; the reader may install what a cell could not find
        // before.
        const inPackage = isPackageFile(containingFile);
        return kept(inPackage ? `${dirname(containingFile)}\0${text}` : undefined, () => {
          const resolve = (from: string): ts.ResolvedModuleWithFailedLookupLocations =>
            ts.resolveModuleName(text, from, settings, resolutionHost, inPackage ? cache : undefined, redirected); // prettier-ignore
          const found = resolve(containingFile);
          if (found.resolvedModule || isPath(text) || inPackage) return found;
          return fallbacks.map(resolve).find(({ resolvedModule }) => resolvedModule) ?? found;
        });
      });
    },
    resolveTypeReferenceDirectiveReferences(references, containingFile, redirected, settings, file) {
      return references.map((reference) => {
        const name = typeof reference === 'string' ? reference : reference.fileName;
        const mode =
          typeof reference === 'string' ? undefined : (reference.resolutionMode ?? file?.impliedNodeFormat);
        return keptTypes(`${dirname(containingFile)}\0${name}\0${mode}`, () => {
          const resolve = (from: string): ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations =>
            ts.resolveTypeReferenceDirective(name, from, { ...settings, typeRoots: undefined }, resolutionHost, redirected, undefined, mode); // prettier-ignore
          const isFound = (resolution: ts.ResolvedTypeReferenceDirectiveWithFailedLookupLocations): boolean =>
            resolution.resolvedTypeReferenceDirective !== undefined;
          const found = resolve(containingFile);
          return isFound(found) ? found : (fallbacks.map(resolve).find(isFound) ?? found);
        });
      });
    },
  };
  return host;
}

/** A function that computes a value once for each key. */
function keeper<T>(): (key: string | undefined, compute: () => T) => T {
  const known = new Map<string, T>();
  return (key, compute) => {
    if (key === undefined) return compute();
    const value = known.get(key) ?? compute();
    known.set(key, value);
    return value;
  };
}

const unresolved: ts.ResolvedModuleWithFailedLookupLocations = { resolvedModule: undefined };

const resolvedCell = (from: string, name: string): ts.ResolvedModuleWithFailedLookupLocations =>
  ({
    resolvedModule: {
      resolvedFileName: join(dirname(from), `${name}.ts`).replaceAll('\\', '/'),
      extension: ts.Extension.Ts,
      isExternalLibraryImport: false,
    },
  }) as ts.ResolvedModuleWithFailedLookupLocations;
