/**
 * What is known about the name at a position: its type, its documentation and, for more detail, its source.
 */
import ts from './typescript.js';
import { type CellFile, cellNumber, withoutCellPaths } from './cells.js';
import { documentAt } from './documentation.js';
import { isPackageFile } from './languageHost.js';

export interface Inspection {
  readonly text: string;
  readonly markdown: string;
}

/** The name at `position`, or the function whose arguments are being written there. */
export function inspectAt(
  service: ts.LanguageService,
  program: ts.Program,
  file: CellFile,
  position: number,
  detail: number,
): Inspection | undefined {
  const at = file.start + position;
  const sourceFile = program.getSourceFile(file.path)!;
  const callee = calleeAt(sourceFile, at);
  for (const place of [at, at - 1, callee]) {
    if (place === undefined || place < file.start) continue;
    documentAt(program, sourceFile, place);
    const info = service.getQuickInfoAtPosition(file.path, place);
    // TypeScript says «any» for a name that it does not know, and for a type «unresolved» before it.
    if (info?.displayParts?.length && !/^any$|\/\*unresolved\*\/ any$/.test(joined(info.displayParts))) {
      const source = detail > 0 ? sourceOf(service, program, file.path, place) : undefined;
      return inspectionOf(info, source);
    }
  }
  return undefined;
}

/** The end of the expression that is called with the argument list around `position`. */
function calleeAt(file: ts.SourceFile, position: number): number | undefined {
  let found: number | undefined;
  const visit = (node: ts.Node): void => {
    if (position < node.pos || position > node.end) return;
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && position > node.expression.end)
      found = node.expression.end - 1;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

const joined = (parts: readonly ts.SymbolDisplayPart[] | undefined): string =>
  ts.displayPartsToString([...(parts ?? [])]);

function inspectionOf({ displayParts, documentation, tags }: ts.QuickInfo, source?: string): Inspection {
  const signature = withoutCellPaths(joined(displayParts))
    .replace(/^\(alias\) /, '')
    .replace(/\nimport .*$/, '');
  const docs = joined(documentation);
  const notes = (tags ?? []).map(({ name, text }) => ({ name, text: joined(text) }));
  return {
    text: [signature, docs, ...notes.map(({ name, text }) => `@${name} ${text}`), source]
      .filter(Boolean)
      .join('\n\n'),
    markdown: [
      fenced(signature),
      docs,
      ...notes.map(({ name, text }) => `*@${name}* ${name === 'example' ? `\n${fenced(text)}` : text}`),
      source === undefined ? '' : fenced(source),
    ]
      .filter(Boolean)
      .join('\n\n'),
  };
}

const fenced = (code: string): string => (code.includes('```') ? code : `\`\`\`typescript\n${code}\n\`\`\``);

/** The declaration's source, if the reader or a cell wrote it. */
function sourceOf(
  service: ts.LanguageService,
  program: ts.Program,
  path: string,
  position: number,
): string | undefined {
  const definition = service.getDefinitionAtPosition(path, position)?.[0];
  if (!definition) return undefined;
  const file = program.getSourceFile(definition.fileName);
  if (!file || isPackageFile(file.fileName) || /[\\/]typescript[\\/]lib[\\/]/.test(file.fileName))
    return undefined;
  const { start, length } = definition.contextSpan ?? definition.textSpan;
  const number = cellNumber(file.fileName);
  const place = number === undefined ? file.fileName : `Cell [${number}]`;
  return `// ${place}\n${file.text.slice(start, start + length)}`;
}
