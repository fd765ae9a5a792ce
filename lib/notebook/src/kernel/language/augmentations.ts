/**
 * What a cell adds to types that are not its own: `declare global { … }` and `declare module 'name' { … }`.
 * It has no name for which later cells could ask, so the cells that add something stay in the program until
 * another one adds the same.
 */
import ts from './typescript.js';

/** What `file` adds, each with its place, such as `global.String.shout`. */
export function augmentationsIn(file: ts.SourceFile): Set<string> {
  const added = new Set<string>();
  for (const statement of file.statements) {
    if (!ts.isModuleDeclaration(statement) || !statement.body || !ts.isModuleBlock(statement.body)) continue;
    const isGlobal = (statement.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
    if (!isGlobal && !ts.isStringLiteral(statement.name)) continue;
    for (const inner of statement.body.statements)
      for (const name of namesIn(inner)) added.add(`${statement.name.text}.${name}`);
  }
  return added;
}

/** The names that a statement declares; of an interface, which is added to, those of its members. */
function namesIn(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  if (ts.isInterfaceDeclaration(statement))
    return statement.members.map(({ name }) => `${statement.name.text}.${name?.getText() ?? ''}`);
  const name = ts.getNameOfDeclaration(statement as ts.DeclarationStatement);
  return name ? [name.getText()] : [];
}
