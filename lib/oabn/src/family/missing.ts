/**
 * What a file should have besides what it has: modules that the numbers of the others imply, and blocks of
 * which only branches are left. Unseen, they would be closed up and renumbered, or passed over.
 */
import type { LayoutStep } from './layout.js';
import type { BlockTable, Family, Term } from './table.js';

/**
 * Modules that a family's layout numbers and that are not there although later ones are: name → reason.
 * Stages may begin with any number, the modules within a stage begin with 0.
 */
export function missingModules(
  names: readonly string[],
  { layout }: Pick<Family, 'layout'>,
): Record<string, string> {
  const missing: Record<string, string> = {};
  for (const { pattern, areStages } of numberings(layout?.steps ?? [])) {
    for (const [prefix, found] of numbersBelow(names, pattern)) {
      const last = Math.max(...found);
      for (let number = areStages ? Math.min(...found) : 0; number < last; number++) {
        if (found.has(number)) continue;
        const later = Math.min(...[...found].filter((other) => other > number));
        const text = found.has(number - 1)
          ? `between ${prefix}${number - 1} and ${prefix}${later}`
          : `before ${prefix}${later}`;
        missing[prefix + number] = `${prefix}${number} is missing ${text}`;
      }
    }
  }
  return missing;
}

/** A pattern that ends in the number that it is about: `stage*`, `stage*.*`. */
interface Numbering {
  readonly pattern: string;
  /** Whether this is the outermost number. */
  readonly areStages: boolean;
}

function numberings(steps: readonly LayoutStep[], prefix = ''): Numbering[] {
  return steps.flatMap((step): Numbering[] => {
    if (!('each' in step)) return [];
    const pattern = prefix + step.each;
    const ends = [...pattern.matchAll(/\*/g)].map(({ index }) => index + 1);
    const own = ends.map((end, i) => ({ pattern: pattern.slice(0, end), areStages: i === 0 }));
    return [
      ...own.filter((each) => each.pattern.length > prefix.length),
      ...numberings(step.steps, `${pattern}.`),
    ];
  });
}

/** What stands before the last number of a pattern, in whatever module, and the numbers found there. */
function numbersBelow(names: readonly string[], pattern: string): Map<string, Set<number>> {
  const escaped = pattern.slice(0, -1).replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const expression = new RegExp(`^((?:.*\\.)?${escaped.replaceAll('*', '\\d+')})(\\d+)\\.`);
  const found = new Map<string, Set<number>>();
  for (const name of names) {
    const [, prefix, number] = expression.exec(name) ?? [];
    if (prefix === undefined) continue;
    found.set(prefix, (found.get(prefix) ?? new Set()).add(Number(number)));
  }
  return found;
}

/** What is left of a block without the tensor that blocks of its kind are found by. */
export interface Remains {
  /** Where the block was, with its final dot. */
  readonly prefix: string;
  /** The kind of block. */
  readonly table: BlockTable;
  /** The tensor that is left, and those of which one must accompany it, in words. */
  readonly reason: string;
}

/**
 * Blocks that only branches of are left, among the tensors that are in no block. Only names such as `rbr_1x1`
 * say that they are branches; `conv` does not.
 */
export function remainsOf(rest: readonly string[], tables: readonly BlockTable[]): Remains[] {
  const found = new Map<string, Remains>();
  for (const table of tables.filter(({ terms }) => terms.length > 1)) {
    const modules = table.terms.flatMap(modulesOf).filter((module) => module.includes('_'));
    if (modules.length === 0) continue;
    const endings = modules.map((module) => module.replaceAll('.', '\\.').replaceAll('*', '\\d+'));
    const expression = new RegExp(`^(.*\\.)?(?:${endings.join('|')})\\.(?:weight|running_var|_variance)$`);
    for (const name of rest) {
      const match = expression.exec(name);
      const prefix = match?.[1] ?? '';
      if (!match || found.has(prefix)) continue;
      const wanted = table.keys.map((key) => prefix + key).join(' or ');
      found.set(prefix, { prefix, table, reason: `it has ${name}, but no ${wanted}` });
    }
  }
  return [...found.values()];
}

/** The names of a term's convolutions and BNs. */
function modulesOf({ conv, bn, chain = [], sum = [] }: Term): string[] {
  return [conv ?? [], bn ?? [], ...[...chain, ...sum].map(modulesOf)].flat();
}
