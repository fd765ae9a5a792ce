/**
 * The names that cells share, in the syntax of a cell: every reference to one becomes a member of `__scope`, and every
 * declaration of variables an assignment to such members.
 */
import ts from './typescript.js';
import { namedValue } from './cellStatements.js';
import { boundNames, type DeclaredNames } from './declaredNames.js';

const f = ts.factory;

/** `__scope.name` */
export const member = (name: string): ts.Expression =>
  f.createPropertyAccessExpression(f.createIdentifier('__scope'), name);

/** `__cell.name(…args)` */
export const cellCall = (name: string, ...args: ts.Expression[]): ts.Expression =>
  f.createCallExpression(cellTool(name), undefined, args);

const cellTool = (name: string): ts.Expression =>
  f.createPropertyAccessExpression(f.createIdentifier('__cell'), name);

export const assign = (target: ts.Expression, value: ts.Expression): ts.Expression =>
  f.createAssignment(target, value);

export const statementOf = (expression: ts.Expression, original: ts.Node): ts.Statement =>
  ts.setTextRange(f.createExpressionStatement(expression), original);

/** Which nodes of a cell stand for something that cells share. */
export interface SharedNames {
  isShared(symbol: ts.Symbol | undefined): boolean;
  isName(node: ts.Node): node is ts.Identifier;
  /** Whether `node` declares shared variables. */
  isList(node: ts.Node): node is ts.VariableDeclarationList;
  /** What `action` returns, during which the names that `node` declares are its own. */
  inside<T>(node: ts.Node, action: () => T): T;
}

/** @param earlier the nodes that bring in what earlier cells declared */
export function sharedNames(
  checker: ts.TypeChecker,
  declared: DeclaredNames,
  earlier: ReadonlySet<ts.Node>,
): SharedNames {
  const shared = new Set<ts.Node>(earlier);
  for (const { nodes } of declared.values()) nodes.forEach((node) => shared.add(node));
  /** Classes, enums and namespaces that are being visited. */
  const inside = new Set<ts.Node>();
  const isShared = (symbol: ts.Symbol | undefined): boolean =>
    symbol?.declarations?.some((node) => shared.has(node) && !inside.has(node)) ?? false;
  return {
    isShared,
    isName: (node): node is ts.Identifier =>
      ts.isIdentifier(node) && isShared(checker.getSymbolAtLocation(node)),
    isList: (node): node is ts.VariableDeclarationList =>
      ts.isVariableDeclarationList(node) && boundNames(node).some(({ parent }) => shared.has(parent)),
    inside(node, action) {
      inside.add(node);
      const result = action();
      inside.delete(node);
      return result;
    },
  };
}

/** A visitor that replaces shared names, and what it is made of. */
export interface Replacer {
  visit(node: ts.Node): ts.Node;
  visitExpression(node: ts.Expression): ts.Expression;
  /** The declarations of `list` as assignments; `always` also those without a value. */
  assignmentsOf(list: ts.VariableDeclarationList, always?: boolean): ts.Expression[];
}

export function replacerOf(
  names: SharedNames,
  checker: ts.TypeChecker,
  context: ts.TransformationContext,
): Replacer {
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isIdentifier(node)) return names.isName(node) ? ts.setTextRange(member(node.text), node) : node;
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node;
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return node;
    if (ts.isPropertyAccessExpression(node))
      return f.updatePropertyAccessExpression(node, visitExpression(node.expression), node.name);
    if (ts.isShorthandPropertyAssignment(node)) return visitShorthand(node);
    if (ts.isCallExpression(node)) return visitCall(node);
    if (ts.isTaggedTemplateExpression(node) && names.isName(node.tag)) {
      const template = ts.visitNode(node.template, visit) as ts.TemplateLiteral;
      return f.updateTaggedTemplateExpression(node, unbound(node.tag), undefined, template);
    }
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return cellTool('meta');
    return visitDeclaring(node) ?? ts.visitEachChild(node, visit, context);
  };
  const visitExpression = (node: ts.Expression): ts.Expression => visit(node) as ts.Expression;

  /** Statements that declare shared variables; undefined for others. */
  const visitDeclaring = (node: ts.Node): ts.Node | undefined => {
    if (ts.isVariableStatement(node) && names.isList(node.declarationList)) {
      const assignments = assignmentsOf(node.declarationList);
      return assignments.length > 0 ? statementOf(inSequence(assignments), node) : f.createEmptyStatement();
    }
    if (ts.isForStatement(node) && node.initializer && names.isList(node.initializer)) {
      const assignments = assignmentsOf(node.initializer);
      const start = assignments.length > 0 ? inSequence(assignments) : undefined;
      const rest = ts.visitEachChild(f.updateForStatement(node, undefined, node.condition, node.incrementor, node.statement), visit, context); // prettier-ignore
      return f.updateForStatement(rest, start, rest.condition, rest.incrementor, rest.statement);
    }
    if ((ts.isForInStatement(node) || ts.isForOfStatement(node)) && names.isList(node.initializer)) {
      const target = targetOf(node.initializer.declarations[0]!.name);
      const [expression, body] = [visitExpression(node.expression), visit(node.statement) as ts.Statement];
      return ts.isForInStatement(node)
        ? f.updateForInStatement(node, target, expression, body)
        : f.updateForOfStatement(node, node.awaitModifier, target, expression, body);
    }
    return undefined;
  };

  const visitCall = (node: ts.CallExpression): ts.Node => {
    const args = node.arguments.map(visitExpression);
    if (node.expression.kind === ts.SyntaxKind.ImportKeyword)
      return ts.setTextRange(cellCall('import', ...args.slice(0, 1)), node);
    const callee = names.isName(node.expression)
      ? unbound(node.expression)
      : visitExpression(node.expression);
    return ts.isCallChain(node)
      ? f.updateCallChain(node, callee, node.questionDotToken, node.typeArguments, args)
      : f.updateCallExpression(node, callee, node.typeArguments, args);
  };

  /** `{ x }`, as a value or, with a default, as the target of a destructuring assignment. */
  const visitShorthand = (node: ts.ShorthandPropertyAssignment): ts.Node => {
    const byDefault = node.objectAssignmentInitializer && visitExpression(node.objectAssignmentInitializer);
    if (!names.isShared(checker.getShorthandAssignmentValueSymbol(node)))
      return f.updateShorthandPropertyAssignment(node, node.name, byDefault);
    const value = member(node.name.text);
    return f.createPropertyAssignment(node.name.text, byDefault ? assign(value, byDefault) : value);
  };

  const assignmentsOf = (list: ts.VariableDeclarationList, always = false): ts.Expression[] =>
    list.declarations.flatMap((declaration) => {
      const { name, initializer } = declaration;
      if (!initializer && !always) return [];
      const value = initializer
        ? namedValue(name, initializer, visitExpression(initializer))
        : f.createVoidZero();
      return [ts.setTextRange(assign(targetOf(name), value), declaration)];
    });

  const targetOf = (name: ts.BindingName): ts.Expression => bindingTarget(name, visit, context);

  return { visit, visitExpression, assignmentsOf };
}

/** `(0, __scope.f)`: a function that is called by its name has no `this`. */
const unbound = (name: ts.Identifier): ts.Expression =>
  f.createParenthesizedExpression(
    f.createComma(f.createNumericLiteral(0), ts.setTextRange(member(name.text), name)),
  );

/** What a declaration binds as the target of an assignment. */
function bindingTarget(
  name: ts.BindingName,
  visit: (node: ts.Node) => ts.Node,
  context: ts.TransformationContext,
): ts.Expression {
  const targetOf = (bound: ts.BindingName): ts.Expression => bindingTarget(bound, visit, context);

  if (ts.isIdentifier(name)) return ts.setTextRange(member(name.text), name);
  const withDefault = ({ name: bound, initializer }: ts.BindingElement): ts.Expression =>
    initializer
      ? assign(targetOf(bound), namedValue(bound, initializer, visit(initializer) as ts.Expression))
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
}

const inSequence = (expressions: readonly ts.Expression[]): ts.Expression =>
  expressions.reduce((first, second) => f.createComma(first, second));
