/**
 * Cells as files. Each cell that runs becomes a module next to the notebook, in memory, which exports what it
 * declares; the next cell begins with a line that brings in the names it uses of earlier ones. So types flow
 * from cell to cell as they do between files, and a name that is declared again simply comes from another
 * file.
 *
 *     export {}; import { range } from "./__cell_1__"; declare let total: typeof import("./__cell_2__").total;
 *     … the cell …
 *     export { squares };
 *
 * A variable comes in as `declare let`, because imports cannot be assigned to.
 */
import ts from './typescript.js';
import { augmentationsIn } from './augmentations.js';
import { type DeclaredNames, declaredNames } from './declaredNames.js';

export interface CellFile {
  readonly path: string;
  readonly text: string;
  /** Where the user's source begins, and where it ends, in `text`. */
  readonly start: number;
  readonly end: number;
  readonly declared: DeclaredNames;
  /** What it adds to types of others. */
  readonly added: ReadonlySet<string>;
}

/** The cell that a name comes from. */
interface Origin {
  readonly cell: number;
  readonly assignable: boolean;
  /** Whether the cell's declaration is both a value and a type. */
  readonly both: boolean;
  /** What was declared, in Jupyter's words. */
  readonly kind: string;
  /** Whether the cell imports it, rather than declaring it. */
  readonly imported: boolean;
}

export interface CellNames {
  readonly values: ReadonlyMap<string, Origin>;
  readonly types: ReadonlyMap<string, Origin>;
}

export const noNames: CellNames = { values: new Map(), types: new Map() };

const moduleName = (cell: number): string => `__cell_${cell}__`;

/** The file name of cell `number` in `folder`. */
const cellPath = (folder: string, number: number): string =>
  `${folder.replaceAll('\\', '/').replace(/\/$/, '')}/${moduleName(number)}.ts`;

/** The number of the cell that has this path, if it is one's. */
export function cellNumber(path: string): number | undefined {
  const found = /__cell_(\d+)__(?:\.ts)?$/.exec(path);
  return found ? Number(found[1]) : undefined;
}

/**
 * TypeScript's messages without the paths that only the kernel knows: `import("…/__cell_3__").Point` →
 * `Point`.
 */
export const withoutCellPaths = (text: string): string =>
  text.replace(/import\("[^"]*__cell_\d+__"\)\./g, '');

const identifiers = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;

/** The file of a cell, which knows the names that occur in it, or all of `names` if `everything` is set. */
export function cellFile(
  folder: string,
  number: number,
  source: string,
  names: CellNames,
  everything = false,
): CellFile {
  const path = cellPath(folder, number);
  const parsed = ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true);
  const declared = declaredNames(parsed);
  const used = everything
    ? new Set([...names.values.keys(), ...names.types.keys()])
    : new Set(source.match(identifiers) ?? []);
  const lead = `export {}; ${[...used].map((name) => broughtIn(name, names, declared)).join('')}\n`;
  const exported = [...declared].filter(([, { exported: already }]) => !already).map(([name]) => name);
  const tail = exported.length > 0 ? `\nexport { ${exported.join(', ')} };` : '';
  const [start, end] = [lead.length, lead.length + source.length];
  return { path, text: lead + source + tail, start, end, declared, added: augmentationsIn(parsed) };
}

/** The statements that bring `name` into a cell which declares `declared`. */
function broughtIn(name: string, { values, types }: CellNames, declared: DeclaredNames): string {
  const own = declared.get(name)?.meaning;
  const value = own === 'value' || own === 'both' ? undefined : values.get(name);
  const type = own === 'type' || own === 'both' ? undefined : types.get(name);
  const from = ({ cell }: Origin): string => JSON.stringify(`./${moduleName(cell)}`);
  const typeImport = type ? `import type { ${name} } from ${from(type)}; ` : '';
  if (!value) return own === 'value' && type?.both ? '' : typeImport;
  const together = !type || type.cell === value.cell;
  if (together && own === undefined && !value.assignable) return `import { ${name} } from ${from(value)}; `;
  if (value.both) return own === 'type' ? '' : `import { ${name} } from ${from(value)}; `;
  return `declare ${value.assignable ? 'let' : 'const'} ${name}: typeof import(${from(value)}).${name}; ${typeImport}`;
}

/**
 * `names` after cell `number`, with only those of its declarations that were reached according to `isSet`.
 */
export function namesAfter(
  names: CellNames,
  number: number,
  declared: DeclaredNames,
  isSet: (name: string) => boolean = () => true,
): CellNames {
  const [values, types] = [new Map(names.values), new Map(names.types)];
  for (const [name, { meaning, assignable, nodes }] of declared) {
    const origin = {
      ...{ cell: number, assignable, both: meaning === 'both' },
      ...{ kind: kindOf(nodes[0]), imported: isImport(nodes[0]) },
    };
    if (meaning === 'type') {
      if (values.get(name)?.both) values.delete(name);
      types.set(name, origin);
    } else if (isSet(name) || meaning === 'both') {
      if (meaning === 'both' || types.get(name)?.both) types.delete(name);
      values.set(name, origin);
      if (meaning === 'both') types.set(name, origin);
    }
  }
  return { values, types };
}

const isImport = (node: ts.Node | undefined): boolean =>
  node !== undefined && (ts.isImportSpecifier(node) || ts.isImportClause(node) || ts.isNamespaceImport(node));

function kindOf(node: ts.Node | undefined): string {
  if (!node) return 'interface';
  if (ts.isFunctionDeclaration(node)) return 'function';
  if (ts.isClassDeclaration(node)) return 'class';
  if (ts.isEnumDeclaration(node)) return 'enum';
  if (ts.isModuleDeclaration(node) || ts.isNamespaceImport(node)) return 'module';
  const value = ts.isVariableDeclaration(node) ? node.initializer : undefined;
  return value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) ? 'function' : 'instance';
}
