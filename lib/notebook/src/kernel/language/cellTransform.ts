/**
 * From a cell to the script that runs it. Cells share their variables through one object, as tslab's do: what
 * a cell declares at its top level becomes a member of `__scope`, and so does every reference to it, in this
 * cell and in later ones. Hence a function of an early cell sees what a later cell assigns, a `const` can be
 * declared again, and a cell that throws or is interrupted leaves what it had already set.
 *
 *     import { range } from './tools';        const __m0 = await __cell.load("./tools");
 *                                             __scope.range = __cell.member(__m0, "range");
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
  namedValue,
  resultIndex,
  withoutExport,
} from './cellStatements.js';
import { boundNames, type DeclaredNames, hasModifier } from './declaredNames.js';

const f = ts.factory;
const scope = '__scope';
const cell = '__cell';

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

const member = (name: string): ts.Expression =>
  f.createPropertyAccessExpression(f.createIdentifier(scope), name);

const cellCall = (name: string, ...args: ts.Expression[]): ts.Expression =>
  f.createCallExpression(f.createPropertyAccessExpression(f.createIdentifier(cell), name), undefined, args);

const assign = (target: ts.Expression, value: ts.Expression): ts.Expression =>
  f.createAssignment(target, value);

const statementOf = (expression: ts.Expression, original: ts.Node): ts.Statement =>
  ts.setTextRange(f.createExpressionStatement(expression), original);

function transformStatements(
  statements: readonly ts.Statement[],
  { checker, declared, earlier }: CellSyntax,
  context: ts.TransformationContext,
): ts.Statement[] {
  const shared = new Set<ts.Node>(earlier);
  for (const { nodes } of declared.values()) nodes.forEach((node) => shared.add(node));
  /** Classes, enums and namespaces that are being visited: inside, their names are their own. */
  const inside = new Set<ts.Node>();

  const isShared = (symbol: ts.Symbol | undefined): boolean =>
    symbol?.declarations?.some((node) => shared.has(node) && !inside.has(node)) ?? false;
  const isSharedName = (node: ts.Node): node is ts.Identifier =>
    ts.isIdentifier(node) && isShared(checker.getSymbolAtLocation(node));

  const visit = (node: ts.Node): ts.Node => {
    if (ts.isIdentifier(node)) return isSharedName(node) ? ts.setTextRange(member(node.text), node) : node;
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node;
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return node;
    if (ts.isPropertyAccessExpression(node))
      return f.updatePropertyAccessExpression(node, visitExpression(node.expression), node.name);
    if (ts.isShorthandPropertyAssignment(node)) return visitShorthand(node);
    if (ts.isCallExpression(node)) return visitCall(node);
    if (ts.isTaggedTemplateExpression(node) && isSharedName(node.tag)) {
      const template = ts.visitNode(node.template, visit) as ts.TemplateLiteral;
      return f.updateTaggedTemplateExpression(node, unbound(node.tag), undefined, template);
    }
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      return f.createPropertyAccessExpression(f.createIdentifier(cell), 'meta');
    if (ts.isVariableStatement(node) && isSharedList(node.declarationList)) {
      const assignments = assignmentsOf(node.declarationList);
      return assignments.length > 0 ? statementOf(inSequence(assignments), node) : f.createEmptyStatement();
    }
    if (ts.isForStatement(node) && node.initializer && isSharedList(node.initializer)) {
      const assignments = assignmentsOf(node.initializer);
      const start = assignments.length > 0 ? inSequence(assignments) : undefined;
      const rest = ts.visitEachChild(f.updateForStatement(node, undefined, node.condition, node.incrementor, node.statement), visit, context); // prettier-ignore
      return f.updateForStatement(rest, start, rest.condition, rest.incrementor, rest.statement);
    }
    if ((ts.isForInStatement(node) || ts.isForOfStatement(node)) && isSharedList(node.initializer)) {
      const target = targetOf(node.initializer.declarations[0]!.name);
      const [expression, body] = [visitExpression(node.expression), visit(node.statement) as ts.Statement];
      return ts.isForInStatement(node)
        ? f.updateForInStatement(node, target, expression, body)
        : f.updateForOfStatement(node, node.awaitModifier, target, expression, body);
    }
    return ts.visitEachChild(node, visit, context);
  };
  const visitExpression = (node: ts.Expression): ts.Expression => visit(node) as ts.Expression;

  /** `(0, __scope.f)`: a function that is called by its name has no `this`. */
  const unbound = (name: ts.Identifier): ts.Expression =>
    f.createParenthesizedExpression(
      f.createComma(f.createNumericLiteral(0), ts.setTextRange(member(name.text), name)),
    );

  const visitCall = (node: ts.CallExpression): ts.Node => {
    const args = node.arguments.map(visitExpression);
    if (node.expression.kind === ts.SyntaxKind.ImportKeyword)
      return ts.setTextRange(cellCall('import', ...args.slice(0, 1)), node);
    const callee = isSharedName(node.expression)
      ? unbound(node.expression)
      : visitExpression(node.expression);
    return ts.isCallChain(node)
      ? f.updateCallChain(node, callee, node.questionDotToken, node.typeArguments, args)
      : f.updateCallExpression(node, callee, node.typeArguments, args);
  };

  /** `{ x }`, as a value or, with a default, as the target of a destructuring assignment. */
  const visitShorthand = (node: ts.ShorthandPropertyAssignment): ts.Node => {
    const byDefault = node.objectAssignmentInitializer && visitExpression(node.objectAssignmentInitializer);
    if (!isShared(checker.getShorthandAssignmentValueSymbol(node)))
      return f.updateShorthandPropertyAssignment(node, node.name, byDefault);
    const value = member(node.name.text);
    return f.createPropertyAssignment(node.name.text, byDefault ? assign(value, byDefault) : value);
  };

  const isSharedList = (node: ts.Node): node is ts.VariableDeclarationList =>
    ts.isVariableDeclarationList(node) && boundNames(node).some(({ parent }) => shared.has(parent));

  const assignmentsOf = (list: ts.VariableDeclarationList, always = false): ts.Expression[] =>
    list.declarations.flatMap((declaration) => {
      const { name, initializer } = declaration;
      if (!initializer && !always) return [];
      const value = initializer
        ? namedValue(name, initializer, visitExpression(initializer))
        : f.createVoidZero();
      return [ts.setTextRange(assign(targetOf(name), value), declaration)];
    });

  /** What a declaration binds as the target of an assignment. */
  const targetOf = (name: ts.BindingName): ts.Expression => {
    if (ts.isIdentifier(name)) return ts.setTextRange(member(name.text), name);
    const withDefault = ({ name: bound, initializer }: ts.BindingElement): ts.Expression =>
      initializer
        ? assign(targetOf(bound), namedValue(bound, initializer, visitExpression(initializer)))
        : targetOf(bound);
    if (ts.isArrayBindingPattern(name)) {
      return f.createArrayLiteralExpression(
        name.elements.map((element) =>
          ts.isOmittedExpression(element)
            ? f.createOmittedExpression()
            : element.dotDotDotToken
              ? f.createSpreadElement(targetOf(element.name))
              : withDefault(element),
        ),
      );
    }
    return f.createObjectLiteralExpression(
      name.elements.map((element) => {
        if (element.dotDotDotToken) return f.createSpreadAssignment(targetOf(element.name));
        const key = element.propertyName
          ? (ts.visitEachChild(element.propertyName, visit, context) as ts.PropertyName)
          : f.createIdentifier((element.name as ts.Identifier).text);
        return f.createPropertyAssignment(key, withDefault(element));
      }),
    );
  };

  const isValueImport = (name: ts.Identifier): boolean => {
    const symbol = checker.getSymbolAtLocation(name);
    const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return !target || (target.flags & ts.SymbolFlags.Value) !== 0;
  };

  const imports: ts.Statement[] = [];
  const hoisted: ts.Statement[] = [];
  const body: ts.Statement[] = [];

  const importStatement = (node: ts.ImportDeclaration): void => {
    const { importClause: clause, moduleSpecifier } = node;
    if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return;
    const bound: [name: ts.Identifier, value: (module: ts.Expression) => ts.Expression][] = [];
    if (clause?.name && isValueImport(clause.name))
      bound.push([clause.name, (module) => cellCall('member', module, f.createStringLiteral('default'))]);
    const bindings = clause?.namedBindings;
    if (bindings && ts.isNamespaceImport(bindings)) {
      bound.push([bindings.name, (module) => cellCall('namespace', module)]);
    } else if (bindings) {
      for (const { name, propertyName, isTypeOnly } of bindings.elements)
        if (!isTypeOnly && isValueImport(name))
          bound.push([
            name,
            (module) => cellCall('member', module, f.createStringLiteral((propertyName ?? name).text)),
          ]);
    }
    if (clause && bound.length === 0) return;
    const module = f.createUniqueName('__m');
    const load = f.createAwaitExpression(cellCall('load', moduleSpecifier));
    const declaration = f.createVariableDeclaration(module, undefined, undefined, load);
    imports.push(
      ts.setTextRange(
        f.createVariableStatement(
          undefined,
          f.createVariableDeclarationList([declaration], ts.NodeFlags.Const),
        ),
        node,
      ),
      ...bound.map(([name, value]) => statementOf(assign(member(name.text), value(module)), name)),
    );
  };

  const result = resultIndex(statements);
  for (const [index, statement] of statements.entries()) {
    const ambient = hasModifier(statement, ts.SyntaxKind.DeclareKeyword);
    if (ambient || ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) continue;
    if (ts.isImportDeclaration(statement)) importStatement(statement);
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
    } else if (ts.isVariableStatement(statement) && isSharedList(statement.declarationList)) {
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
      body.push(withoutExport(ts.visitEachChild(statement, visitInside(statement, visit), context)));
    } else if (isNamedBlock(statement)) {
      if (!statement.name) continue;
      inside.add(statement);
      body.push(withoutExport(ts.visitEachChild(statement, visitInside(statement, visit), context)));
      inside.delete(statement);
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

/** The visitor of a declaration's children, which leaves its name alone. */
const visitInside =
  ({ name }: ts.NamedDeclaration, visit: (node: ts.Node) => ts.Node) =>
  (node: ts.Node): ts.Node =>
    node === name ? node : visit(node);

const inSequence = (expressions: readonly ts.Expression[]): ts.Expression =>
  expressions.reduce((first, second) => f.createComma(first, second));
