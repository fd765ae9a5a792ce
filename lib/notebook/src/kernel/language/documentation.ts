/**
 * Documentation comments, read when somebody asks for them. They are a quarter of what TypeScript parses when
 * a kernel starts (its own declarations and Node's), so the language service leaves them out; the file of a
 * declaration is parsed once more, with them, when its documentation is wanted.
 */
import ts from './typescript.js';

/**
 * What the language service parses at first; comments in JavaScript are parsed anyway, because they are types
 * there.
 */
export const jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeInfo;

/** Where the parser puts a node's comments, which TypeScript's declarations leave out. */
type Documented = ts.Node & { jsDoc?: unknown };

const documented = new WeakSet<ts.SourceFile>();

/** Reads the comments of the files that declare the name at `position` of `file`, or one that ends there. */
export function documentAt(program: ts.Program, file: ts.SourceFile, position: number): void {
  const checker = program.getTypeChecker();
  for (const place of [position, position - 1]) {
    const symbol = checker.getSymbolAtLocation(nodeAt(file, place));
    const isAlias = symbol && (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const symbols = symbol ? [symbol, ...(isAlias ? [checker.getAliasedSymbol(symbol)] : [])] : [];
    for (const declaration of symbols.flatMap(({ declarations = [] }) => declarations))
      readDocumentation(declaration.getSourceFile());
  }
}

/** The innermost node at `position`. */
function nodeAt(file: ts.SourceFile, position: number): ts.Node {
  let found: ts.Node = file;
  const visit = (node: ts.Node): void => {
    if (position < node.getStart(file) || position >= node.end) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}

function readDocumentation(file: ts.SourceFile): void {
  if (documented.has(file)) return;
  documented.add(file);
  const { fileName, text, languageVersion, impliedNodeFormat } = file;
  const options = { languageVersion, impliedNodeFormat, jsDocParsingMode: ts.JSDocParsingMode.ParseAll };
  copyDocumentation(ts.createSourceFile(fileName, text, options, true), file);
}

/** Both are trees of the same text, of which `from` has the comments. */
function copyDocumentation(from: Documented, to: Documented): void {
  if (from.kind !== to.kind) return;
  if (from.jsDoc !== undefined) to.jsDoc = from.jsDoc;
  const children: ts.Node[] = [];
  ts.forEachChild(to, (child) => void children.push(child));
  let i = 0;
  ts.forEachChild(from, (child) => {
    const twin = children[i++];
    if (twin) copyDocumentation(child, twin);
  });
}
