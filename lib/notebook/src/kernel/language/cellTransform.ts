/**
 * From a cell to the script that runs it. Cells share their variables through one object, as tslab's do: what
 * a cell declares at its top level becomes a member of `__scope`, and so does every reference to it, in this
 * cell and in later ones. Hence a function of an early cell sees what a later cell assigns, a `const` can be
 * declared again, and a cell that throws or is interrupted leaves what it had already set.
 *
 *     import { range } from './tools';        const __m0 = await __cell.load("./tools");
 *                                             __cell.bind("range", __m0, "range");
 *     const squares = range(3).map(square);   __scope.squares = (0, __scope.range)(3).map(__scope.square);
 *     function square(x: number) { … }        function square(x) { … }   // and, first of all: __scope.square = square
 *     squares                                 return [__scope.squares];
 *
 * It runs before TypeScript's own transformers, which then remove the types and keep the source map.
 */
import ts from './typescript.js';
import {
  entityExpression,
  isInstantiated,
  isNamedBlock,
  resultIndex,
  withoutExport,
} from './cellStatements.js';
import { type DeclaredNames, hasModifier } from './declaredNames.js';
import { assign, cellCall, member, replacerOf, sharedNames, statementOf } from './sharedNames.js';

const f = ts.factory;

/** What `cellTransformer` has to know about the cell. */
export interface CellSyntax {
  readonly checker: ts.TypeChecker;
  /** Where the user's text starts and ends in the file; the rest, which we added, is left out. */
  readonly start: number;
  readonly end: number;
  readonly declared: DeclaredNames;
  /** The nodes that bring in what earlier cells declared. */
  readonly earlier: ReadonlySet<ts.Node>;
}

/** The transformer of one cell's source file. */
export function cellTransformer(syntax: CellSyntax): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => {
    const statements = file.statements.filter(
      (statement) => statement.end > syntax.start && statement.getStart(file) < syntax.end,
    );
    return f.updateSourceFile(file, transformStatements(statements, syntax, context));
  };
}

function transformStatements(
  statements: readonly ts.Statement[],
  { checker, declared, earlier }: CellSyntax,
  context: ts.TransformationContext,
): ts.Statement[] {
  const names = sharedNames(checker, declared, earlier);
  const { visit, visitExpression, assignmentsOf } = replacerOf(names, checker, context);
  /** A declaration with its own name, and shared ones replaced in the rest of it. */
  const visitDeclaration = <T extends ts.Statement & ts.NamedDeclaration>(statement: T): ts.Statement =>
    withoutExport(
      ts.visitEachChild(statement, (node) => (node === statement.name ? node : visit(node)), context),
    );
  const imports: ts.Statement[] = [];
  const hoisted: ts.Statement[] = [];
  const body: ts.Statement[] = [];

  const result = resultIndex(statements);
  for (const [index, statement] of statements.entries()) {
    const ambient = hasModifier(statement, ts.SyntaxKind.DeclareKeyword);
    if (ambient || ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) continue;
    if (ts.isImportDeclaration(statement)) imports.push(...importStatements(statement, checker));
    else if (ts.isImportEqualsDeclaration(statement)) {
      const reference = statement.moduleReference;
      const value = ts.isExternalModuleReference(reference)
        ? f.createCallExpression(f.createIdentifier('require'), undefined, [reference.expression])
        : (visit(entityExpression(reference)) as ts.Expression);
      body.push(statementOf(assign(member(statement.name.text), value), statement));
    } else if (ts.isExportDeclaration(statement)) {
      if (statement.moduleSpecifier && !statement.isTypeOnly)
        imports.push(
          statementOf(f.createAwaitExpression(cellCall('load', statement.moduleSpecifier)), statement),
        );
    } else if (ts.isExportAssignment(statement)) {
      body.push(statementOf(visitExpression(statement.expression), statement));
    } else if (ts.isVariableStatement(statement) && names.isList(statement.declarationList)) {
      for (const expression of assignmentsOf(statement.declarationList, true))
        body.push(statementOf(expression, statement));
    } else if (ts.isFunctionDeclaration(statement)) {
      // `export default function () { … }` has nothing by which a cell could call it.
      if (!statement.name) continue;
      if (statement.body)
        hoisted.push(
          f.createExpressionStatement(
            assign(member(statement.name.text), f.createIdentifier(statement.name.text)),
          ),
        );
      body.push(visitDeclaration(statement));
    } else if (isNamedBlock(statement)) {
      if (!statement.name) continue;
      names.inside(statement, () => body.push(visitDeclaration(statement)));
      const { name } = statement;
      if (ts.isIdentifier(name) && isInstantiated(statement))
        body.push(f.createExpressionStatement(assign(member(name.text), f.createIdentifier(name.text))));
    } else if (index === result && ts.isExpressionStatement(statement)) {
      const value = f.createArrayLiteralExpression([visitExpression(statement.expression)]);
      body.push(ts.setTextRange(f.createReturnStatement(value), statement));
    } else {
      body.push(visit(statement) as ts.Statement);
    }
  }
  return [...hoisted, ...imports, ...body];
}

const text = (value: string): ts.Expression => f.createStringLiteral(value);

/** The module as a variable, whose members are bound, since it may change them; nothing for an import of types. */
function importStatements(node: ts.ImportDeclaration, checker: ts.TypeChecker): ts.Statement[] {
  const { importClause: clause, moduleSpecifier } = node;
  if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
  const bound: [name: ts.Identifier, expression: (module: ts.Expression) => ts.Expression][] = [];
  const bind = (name: ts.Identifier, exported: string): void =>
    void bound.push([name, (module) => cellCall('bind', text(name.text), module, text(exported))]);
  if (clause?.name && isValueImport(clause.name, checker)) bind(clause.name, 'default');
  const bindings = clause?.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) {
    const { name } = bindings;
    bound.push([name, (module) => assign(member(name.text), cellCall('namespace', module))]);
  } else if (bindings) {
    for (const { name, propertyName, isTypeOnly } of bindings.elements)
      if (!isTypeOnly && isValueImport(name, checker)) bind(name, (propertyName ?? name).text);
  }
  if (clause && bound.length === 0) return [];
  const module = f.createUniqueName('__m');
  const load = f.createAwaitExpression(cellCall('load', moduleSpecifier));
  const declaration = f.createVariableDeclaration(module, undefined, undefined, load);
  return [
    ts.setTextRange(
      f.createVariableStatement(
        undefined,
        f.createVariableDeclarationList([declaration], ts.NodeFlags.Const),
      ),
      node,
    ),
    ...bound.map(([name, expression]) => statementOf(expression(module), name)),
  ];
}

function isValueImport(name: ts.Identifier, checker: ts.TypeChecker): boolean {
  const symbol = checker.getSymbolAtLocation(name);
  const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return !target || (target.flags & ts.SymbolFlags.Value) !== 0;
}
