/**
 * Questions about the statements of a cell, and small changes to them, which the transformer of cells
 * (cellTransform.ts) needs and which depend on nothing but the node.
 */
import ts from './typescript.js';

const f = ts.factory;

/** A declaration whose body knows its own name. */
export type NamedBlock = ts.ClassDeclaration | ts.EnumDeclaration | ts.ModuleDeclaration;

export const isNamedBlock = (node: ts.Node): node is NamedBlock =>
  ts.isClassDeclaration(node) || ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node);

/** A namespace of nothing but types leaves no value. */
export const isInstantiated = (node: NamedBlock): boolean =>
  !ts.isModuleDeclaration(node) || hasValues(node.body);

function hasValues(body: ts.ModuleDeclaration['body']): boolean {
  if (!body) return false;
  // `namespace A.B { … }`: the body of A is B.
  if (ts.isModuleDeclaration(body)) return hasValues(body.body);
  return (
    ts.isModuleBlock(body) &&
    body.statements.some((statement) =>
      ts.isModuleDeclaration(statement)
        ? hasValues(statement.body)
        : !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement),
    )
  );
}

/**
 * The place of the statement whose value the cell shows: the last one that does something, if it is an
 * expression.
 */
export function resultIndex(statements: readonly ts.Statement[]): number {
  const index = statements.findLastIndex(
    (statement) =>
      !ts.isInterfaceDeclaration(statement) &&
      !ts.isTypeAliasDeclaration(statement) &&
      !ts.isFunctionDeclaration(statement) &&
      !ts.isImportDeclaration(statement) &&
      !ts.isEmptyStatement(statement),
  );
  const last = statements[index];
  return last && ts.isExpressionStatement(last) ? index : -1;
}

/** `A.B.C`, the right side of `import X = A.B.C`, as an expression. */
export const entityExpression = (name: ts.EntityName): ts.Expression =>
  ts.isIdentifier(name) ? name : f.createPropertyAccessExpression(entityExpression(name.left), name.right);

export function withoutExport(node: ts.Statement): ts.Statement {
  if (!ts.isClassDeclaration(node) && !ts.isFunctionDeclaration(node) && !ts.isEnumDeclaration(node) && !ts.isModuleDeclaration(node)) return node; // prettier-ignore
  const isExport = ({ kind }: ts.ModifierLike): boolean =>
    kind === ts.SyntaxKind.ExportKeyword || kind === ts.SyntaxKind.DefaultKeyword;
  if (!node.modifiers?.some(isExport)) return node;
  const kept = node.modifiers.filter((modifier) => !isExport(modifier));
  return ts.isClassDeclaration(node)
    ? f.replaceDecoratorsAndModifiers(node, kept)
    : f.replaceModifiers(node, kept.filter(ts.isModifier));
}

/**
 * Gives a function or class without a name the one that it is assigned to, as a declaration would:
 * `({ f: () => 1 }).f`.
 */
export function namedValue(
  name: ts.BindingName,
  initializer: ts.Expression,
  value: ts.Expression,
): ts.Expression {
  const core = withoutParentheses(initializer);
  const nameless =
    ts.isArrowFunction(core) ||
    ((ts.isFunctionExpression(core) || ts.isClassExpression(core)) && core.name === undefined);
  if (!nameless || !ts.isIdentifier(name)) return value;
  const object = f.createObjectLiteralExpression([f.createPropertyAssignment(name.text, value)]);
  return f.createPropertyAccessExpression(f.createParenthesizedExpression(object), name.text);
}

function withoutParentheses(node: ts.Expression): ts.Expression {
  let inner = node;
  while (
    ts.isParenthesizedExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isSatisfiesExpression(inner) ||
    ts.isNonNullExpression(inner)
  )
    inner = inner.expression;
  return inner;
}
