/**
 * The `.ts` files next to a notebook that a cell imports, and what these import in turn: compiled to
 * CommonJS, each with a version that changes when it or anything below it changes. The runtime reloads a
 * module when its version has changed.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import ts from './typescript.js';
import { cellNumber } from './cells.js';
import { diskVersion, isPackageFile } from './languageHost.js';

export interface LocalModule {
  readonly path: string;
  readonly version: string;
  /** CommonJS; undefined when the runtime has been given this version already. */
  readonly js?: string;
  /** The source map as JSON. */
  readonly map?: string;
  readonly source?: string;
  /** Whether it awaits at its top level. */
  readonly awaits?: boolean;
}

const isLocalSource = (path: string): boolean =>
  /\.[cm]?tsx?$/.test(path) &&
  !/\.d\.[cm]?ts$/.test(path) &&
  !isPackageFile(path) &&
  cellNumber(path) === undefined;

/**
 * The local modules that `file` reaches, without `file` itself; those that the runtime was `given` in this
 * version without their code.
 */
export function localModules(
  program: ts.Program,
  file: ts.SourceFile,
  options: ts.CompilerOptions,
  given: ReadonlyMap<string, string>,
): LocalModule[] {
  const imports = new Map<string, string[]>();
  const reach = (from: ts.SourceFile): void => {
    const targets = importedFiles(program, from, options).filter((path) => !isPackageFile(path));
    imports.set(from.fileName, targets);
    for (const path of targets.filter(isLocalSource)) {
      const target = program.getSourceFile(path);
      if (target && !imports.has(path)) reach(target);
    }
  };
  reach(file);
  imports.delete(file.fileName);
  return [...imports.keys()].map((path) => {
    const version = deepVersion(path, imports);
    if (given.get(path) === version) return { path, version };
    return { path, version, ...compileModule(program.getSourceFile(path)!, options) };
  });
}

function importedFiles(program: ts.Program, file: ts.SourceFile, options: ts.CompilerOptions): string[] {
  return importSpecifiers(file).flatMap((specifier) => {
    const text = specifier.text.startsWith('file:') ? fileURLToPath(specifier.text) : specifier.text;
    const { resolvedModule } = ts.resolveModuleName(text, file.fileName, options, ts.sys);
    return resolvedModule && program.getSourceFile(resolvedModule.resolvedFileName)
      ? [resolvedModule.resolvedFileName]
      : [];
  });
}

/** Every module that `file` names: `import … from`, `export … from`, `import()`. */
function importSpecifiers(file: ts.SourceFile): ts.StringLiteralLike[] {
  const found: ts.StringLiteralLike[] = [];
  const visit = (node: ts.Node): void => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier &&
      ts.isStringLiteralLike(node.moduleSpecifier)
    )
      found.push(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments;
      if (target && ts.isStringLiteralLike(target)) found.push(target);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** A digest of the versions of everything that `path` reaches. */
function deepVersion(path: string, imports: ReadonlyMap<string, readonly string[]>): string {
  const reached = new Set<string>([path]);
  for (const each of reached) for (const next of imports.get(each) ?? []) reached.add(next);
  const versions = [...reached].sort().map((each) => `${each}\0${diskVersion(each)}`);
  return createHash('sha256').update(versions.join('\n')).digest('hex').slice(0, 16);
}

function compileModule(
  file: ts.SourceFile,
  { experimentalDecorators, emitDecoratorMetadata, useDefineForClassFields }: ts.CompilerOptions,
): Pick<LocalModule, 'js' | 'map' | 'source' | 'awaits'> {
  const { text: source, fileName } = file;
  const awaits = awaitsAtTopLevel(file);
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      // Elsewhere, `await` is a name.
      ...(awaits && { moduleDetection: ts.ModuleDetectionKind.Force }),
      esModuleInterop: true,
      sourceMap: true,
      removeComments: true,
      // What the code means depends on these.
      experimentalDecorators,
      emitDecoratorMetadata,
      useDefineForClassFields,
    },
    transformers: { before: [importTools] },
  });
  return { js: withoutMapComment(outputText), map: sourceMapText ?? '', source, awaits };
}

/** Whether `file` waits for something while it is evaluated. */
function awaitsAtTopLevel(file: ts.SourceFile): boolean {
  const awaits = (node: ts.Node): boolean =>
    ts.isAwaitExpression(node) ||
    (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
    (ts.isVariableDeclarationList(node) &&
      (node.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.AwaitUsing) ||
    (!ts.isFunctionLike(node) && (ts.forEachChild(node, awaits) ?? false));
  return awaits(file);
}

/**
 * `import.meta` → `__meta`, which the runtime provides, because CommonJS has none; `import()` → `__import()`, because
 * what it imports may have to be waited for; `require()` → `__require()`, because `require()` is what becomes of
 * `import`.
 */
const importTools: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const { factory } = context;
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      return factory.createIdentifier('__meta');
    const visited = ts.visitEachChild(node, visit, context);
    if (isRequireCall(visited))
      return factory.updateCallExpression(
        visited,
        factory.createIdentifier('__require'),
        undefined,
        visited.arguments,
      );
    if (!ts.isCallExpression(visited) || visited.expression.kind !== ts.SyntaxKind.ImportKeyword)
      return visited;
    return factory.updateCallExpression(
      visited,
      factory.createIdentifier('__import'),
      undefined,
      visited.arguments.slice(0, 1),
    );
  };
  return ts.visitNode(file, visit) as ts.SourceFile;
};

const isRequireCall = (node: ts.Node): node is ts.CallExpression =>
  ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'require';

export const withoutMapComment = (js: string): string => js.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
