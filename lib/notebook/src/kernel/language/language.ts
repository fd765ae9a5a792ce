/**
 * TypeScript for the cells of one kernel: compiling them, and answering what an editor asks while they run.
 * It holds what the cells have declared so far; they are run elsewhere (runtime/), and `settle` is told
 * afterwards how each of them ended.
 */
import { dirname } from 'node:path';
import ts from './typescript.js';
import { cellFile, type CellFile } from './cells.js';
import { cellTransformer } from './cellTransform.js';
import { cellCompilerOptions } from './compilerOptions.js';
import { completionsAt, type Completions } from './completion.js';
import { createDeclarations } from './declarations.js';
import { declaredNames } from './declaredNames.js';
import { forReaders, problemOf } from './diagnostics.js';
import { jsDocParsingMode } from './documentation.js';
import { globalsFile, globalsText } from './globals.js';
import { type Inspection, inspectAt } from './inspection.js';
import { createLanguageHost } from './languageHost.js';
import { type LocalModule, localModules, withoutMapComment } from './localModules.js';
import type { Problem } from './problem.js';

/** Whether type errors stop a cell, are only shown, or are not checked for. */
export type Typecheck = 'error' | 'warn' | 'off';

export interface CompiledCell {
  readonly number: number;
  /** Statements for the body of an async function of `__scope`, `__cell`, `require`. */
  readonly js: string;
  /** Its source map as JSON; the user's first line is the map's second. */
  readonly map: string;
  readonly source: string;
  /** The names of the values that it declares. */
  readonly values: readonly string[];
  readonly modules: readonly LocalModule[];
}

export interface Compilation {
  /** What is wrong; with `cell`, the cell runs nevertheless. */
  readonly problems: readonly Problem[];
  readonly cell?: CompiledCell;
}

export interface Language {
  readonly typescript: string;
  /** Compiles cell `number`; its names count from now on, until `settle` says otherwise. */
  compile(number: number, source: string, typecheck: Typecheck): Compilation;
  /** Records how cell `number` ended: well, or with only the values in `set` reached. */
  settle(number: number, set?: readonly string[]): void;
  complete(source: string, position: number): Completions;
  inspect(source: string, position: number, detail: number): Inspection | undefined;
}

/**
 * Starts TypeScript for cells in `folder`; packages come from there, or else from where `kernelFile` finds
 * its own.
 */
export function createLanguage(folder: string, kernelFile: string): Language {
  const options = cellCompilerOptions(folder);
  const files = new Map<string, { text: string; version: string }>();
  const declarations = createDeclarations();
  let [nextNumber, version] = [1, 0];
  let roots: readonly string[] = [];
  /** The files of cells that add to types of others, and what they add. */
  const augmenting = new Map<string, ReadonlySet<string>>();
  /** The versions of local modules that the runtime has. */
  const given = new Map<string, string>();

  const globals = globalsFile(dirname(kernelFile));
  files.set(globals, { text: globalsText, version: '1' });
  const host = createLanguageHost({
    folder,
    fallbacks: [kernelFile],
    compilerOptions: options,
    rootFiles: () => [globals, ...roots],
    memoryFile: (path) => files.get(path),
  });
  const service = ts.createLanguageService(host, ts.createDocumentRegistry(true, folder, jsDocParsingMode));

  const open = (file: CellFile): ts.Program => {
    files.set(file.path, { text: file.text, version: String(++version) });
    const others = [...augmenting].filter(
      ([path, added]) => path !== file.path && !overlap(added, file.added),
    );
    roots = [...others.map(([path]) => path), file.path];
    return service.getProgram()!;
  };

  const compile = (number: number, source: string, typecheck: Typecheck): Compilation => {
    nextNumber = number + 1;
    const names = declarations.names();
    const file = cellFile(folder, number, source, names);
    const program = open(file);
    const sourceFile = program.getSourceFile(file.path)!;
    const modules = localModules(program, sourceFile, options, given);
    const here = (diagnostic: ts.Diagnostic): Problem =>
      forReaders(problemOf(diagnostic, file.start, file.end), names);
    const syntactic = service.getSyntacticDiagnostics(file.path);
    if (syntactic.length > 0) {
      files.delete(file.path);
      return { problems: syntactic.slice(0, 1).map(here) };
    }
    const problems =
      typecheck === 'off' || noCheck.test(source)
        ? []
        : [
            ...service.getSemanticDiagnostics(file.path).filter(isInCell(file)).map(here),
            ...modules.flatMap(({ path }) => moduleProblems(service, path, folder)),
          ];
    if (problems.length > 0 && typecheck === 'error') {
      files.delete(file.path);
      return { problems };
    }
    const { js, map } = emit(program, sourceFile, file);
    if (file.added.size > 0) {
      for (const [path, added] of augmenting) if (overlap(added, file.added)) augmenting.delete(path);
      augmenting.set(file.path, file.added);
    }
    declarations.begin(number, file.declared);
    const values = [...file.declared].filter(([, { meaning }]) => meaning !== 'type').map(([name]) => name);
    for (const { path, version } of modules) given.set(path, version);
    return { problems, cell: { number, js, map, source, values, modules } };
  };

  return {
    typescript: ts.version,
    compile,
    settle: declarations.end,
    complete(source, position) {
      const names = declarations.names();
      const file = cellFile(folder, nextNumber, source, names, true);
      open(file);
      const kindOfName = (name: string): string | undefined => (names.values.get(name) ?? names.types.get(name))?.kind; // prettier-ignore
      return completionsAt(service, file, source, position, kindOfName);
    },
    inspect(source, position, detail) {
      const file = cellFile(folder, nextNumber, source, declarations.names(), true);
      const program = open(file);
      return inspectAt(service, program, file, position, detail);
    },
  };
}

/** TypeScript looks for it at the top of a file, where our line stands. */
const noCheck = /^(?:\s*\/\/.*\n)*\s*\/\/\/?\s*@ts-nocheck\b/;

const overlap = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  [...a].some((each) => b.has(each));

const isInCell =
  ({ start }: CellFile) =>
  (diagnostic: ts.Diagnostic): boolean =>
    (diagnostic.start ?? 0) >= start && diagnostic.category === ts.DiagnosticCategory.Error;

function moduleProblems(service: ts.LanguageService, path: string, folder: string): Problem[] {
  return [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)]
    .filter(({ category }) => category === ts.DiagnosticCategory.Error)
    .map((found) =>
      problemOf(
        found,
        0,
        found.file?.text.length ?? 0,
        path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path,
      ),
    );
}

function emit(program: ts.Program, sourceFile: ts.SourceFile, file: CellFile): { js: string; map: string } {
  const checker = program.getTypeChecker();
  const earlier = new Set<ts.Node>();
  const start = sourceFile.statements.filter(({ end }) => end <= file.start);
  for (const statement of start) {
    if (ts.isImportDeclaration(statement)) {
      const bindings = statement.importClause?.namedBindings;
      if (bindings && ts.isNamedImports(bindings))
        bindings.elements.forEach((element) => earlier.add(element));
    } else if (ts.isVariableStatement(statement)) {
      statement.declarationList.declarations.forEach((declaration) => earlier.add(declaration));
    }
  }
  // The declarations were found in a parse of the bare source; the transformer needs the nodes of this file.
  const declared = declaredNames(sourceFile, file.start);
  const output = { js: '', map: '' };
  program.emit(
    sourceFile,
    (path, text) => {
      if (path.endsWith('.map')) output.map = text;
      else output.js = text;
    },
    undefined,
    false,
    { before: [cellTransformer({ checker, start: file.start, end: file.end, declared, earlier })] },
  );
  return { js: withoutMapComment(output.js).replace(/(^|\n)export \{\};\s*$/, '$1'), map: output.map };
}
