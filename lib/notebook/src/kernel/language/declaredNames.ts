/**
 * What a cell declares at its top level, read from its syntax alone: the names that later cells will know. A
 * name can stand for a value, a type, or both (a class, an enum, an import whose kind only the type checker
 * knows).
 */
import ts from './typescript.js';

export interface DeclaredName {
  /** What it stands for; an import counts as both. */
  readonly meaning: 'value' | 'type' | 'both';
  /** Whether later cells may assign to it: `let` and `var`. */
  readonly assignable: boolean;
  /** Whether the source itself exports it. */
  readonly exported: boolean;
  /** The nodes that declare its value: the transformer moves what refers to them into the shared scope. */
  readonly nodes: readonly ts.Node[];
}

export type DeclaredNames = ReadonlyMap<string, DeclaredName>;

/**
 * The names that `file` declares at its top level, `var` inside blocks included; ambient
 * (`declare`) ones are not. Statements that end before `from` do not count.
 */
export function declaredNames(file: ts.SourceFile, from = 0): Map<string, DeclaredName> {
  const names = new Map<string, DeclaredName>();
  const exported = exportedNames(file);
  const add = (
    name: ts.Identifier,
    meaning: DeclaredName['meaning'],
    node: ts.Node,
    assignable = false,
    isExported = false,
  ): void => {
    const before = names.get(name.text);
    names.set(name.text, {
      meaning: before && before.meaning !== meaning ? 'both' : meaning,
      assignable: assignable || (before?.assignable ?? false),
      exported: isExported || exported.has(name.text) || (before?.exported ?? false),
      nodes: [...(before?.nodes ?? []), ...(meaning === 'type' ? [] : [node])],
    });
  };
  for (const statement of file.statements) {
    if (statement.end <= from) continue;
    if (ts.isImportDeclaration(statement)) addImports(statement, add);
    else if (ts.isImportEqualsDeclaration(statement)) add(statement.name, 'both', statement);
    else if (!hasModifier(statement, ts.SyntaxKind.DeclareKeyword)) addDeclarations(statement, add);
  }
  return names;
}

type Add = (
  name: ts.Identifier,
  meaning: DeclaredName['meaning'],
  node: ts.Node,
  assignable?: boolean,
  exported?: boolean,
) => void;

export const hasModifier = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node)?.some((modifier) => modifier.kind === kind) ?? false);

function addImports({ importClause: clause }: ts.ImportDeclaration, add: Add): void {
  if (!clause) return;
  const typeOnly = clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
  if (clause.name) add(clause.name, typeOnly ? 'type' : 'both', clause);
  const bindings = clause.namedBindings;
  if (!bindings) return;
  if (ts.isNamespaceImport(bindings)) add(bindings.name, typeOnly ? 'type' : 'both', bindings);
  else
    for (const element of bindings.elements)
      add(element.name, typeOnly || element.isTypeOnly ? 'type' : 'both', element);
}

function addDeclarations(statement: ts.Statement, add: Add): void {
  const exported = hasModifier(statement, ts.SyntaxKind.ExportKeyword);
  if (ts.isVariableStatement(statement)) {
    const { flags } = statement.declarationList;
    // What `using` holds is disposed of when its cell ends, so no later cell should see it.
    if ((flags & ts.NodeFlags.Using) !== 0 && (flags & ts.NodeFlags.Const) === 0) return;
    if ((flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing) return;
    const assignable = (flags & ts.NodeFlags.Const) === 0;
    for (const name of boundNames(statement.declarationList))
      add(name, 'value', name.parent, assignable, exported);
  } else if (ts.isFunctionDeclaration(statement)) {
    if (statement.name) add(statement.name, 'value', statement, false, exported);
  } else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
    if (statement.name) add(statement.name, 'both', statement, false, exported);
  } else if (ts.isModuleDeclaration(statement)) {
    if (ts.isIdentifier(statement.name)) add(statement.name, 'both', statement, false, exported);
  } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    add(statement.name, 'type', statement, false, exported);
  } else {
    forEachVar(statement, (list) => {
      for (const name of boundNames(list)) add(name, 'value', name.parent, true);
    });
  }
}

/**
 * The identifiers that a declaration list binds, patterns included. Each one's parent is what declares it.
 */
export function boundNames(list: ts.VariableDeclarationList): ts.Identifier[] {
  const names: ts.Identifier[] = [];
  const visit = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.push(name);
    else for (const element of name.elements) if (ts.isBindingElement(element)) visit(element.name);
  };
  for (const { name } of list.declarations) visit(name);
  return names;
}

/** Calls `found` for every `var` below `node` that is not a function's own. */
function forEachVar(node: ts.Node, found: (list: ts.VariableDeclarationList) => void): void {
  if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isModuleDeclaration(node)) return;
  if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.BlockScoped) === 0) found(node);
  ts.forEachChild(node, (child) => forEachVar(child, found));
}

/** The local names in `export { … }` statements. */
function exportedNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier) continue;
    if (statement.exportClause && ts.isNamedExports(statement.exportClause))
      for (const { name, propertyName } of statement.exportClause.elements)
        names.add((propertyName ?? name).text);
  }
  return names;
}
