/**
 * How cells are checked: today's TypeScript, modules found as a bundler finds them, and no strictness by
 * default, because a cell is an experiment. A `tsconfig.json` in the notebook's own folder can change how
 * cells are checked.
 */
import { join } from 'node:path';
import ts from './typescript.js';

/** What a tsconfig.json may not change, because running a cell depends on it. */
const fixed: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  verbatimModuleSyntax: false,
  isolatedModules: false,
  noEmit: false,
  noEmitOnError: false,
  emitDeclarationOnly: false,
  declaration: false,
  declarationMap: false,
  composite: false,
  incremental: false,
  sourceMap: true,
  inlineSourceMap: false,
  inlineSources: false,
  importHelpers: false,
  removeComments: true,
  preserveConstEnums: true,
  // A cell declares what a later one uses.
  noUnusedLocals: false,
  noUnusedParameters: false,
};

/** The newest standard of which this version of Node has all that TypeScript declares. */
export function libraryOf(node: string): string {
  const major = Number.parseInt(node);
  return `lib.es${major >= 24 ? 2025 : major >= 22 ? 2024 : 2023}.d.ts`;
}

const defaults: ts.CompilerOptions = {
  strict: false,
  lib: [libraryOf(process.versions.node), 'lib.esnext.disposable.d.ts', 'lib.esnext.decorators.d.ts'],
  types: ['node'],
  // What a package exports for Node, as when the cell runs.
  customConditions: ['node'],
  esModuleInterop: true,
  allowJs: true,
  checkJs: false,
  maxNodeModuleJsDepth: 0,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  skipLibCheck: true,
  useDefineForClassFields: true,
};

/** The options for cells in `folder`. */
export function cellCompilerOptions(folder: string): ts.CompilerOptions {
  const path = join(folder, 'tsconfig.json');
  if (!ts.sys.fileExists(path)) return { ...defaults, ...fixed };
  const { config } = ts.readConfigFile(path, (name) => ts.sys.readFile(name));
  // Only the options are wanted, with those that it extends, and not the files below the folder.
  const host: ts.ParseConfigHost = { ...ts.sys, readDirectory: () => [] };
  const own = ts.parseJsonConfigFileContent(config ?? {}, host, folder, undefined, path).options;
  return { ...defaults, ...own, ...fixed, outDir: undefined, rootDir: undefined };
}
