/** What a file should have besides what it has: without a look at it, gaps would be closed up and renumbered. */
import type { LayoutStep } from './layout.js';
import type { Family } from './table.js';

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
