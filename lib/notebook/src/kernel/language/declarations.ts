/**
 * What cells have declared, taken together in the order in which they began. The cells of subshells run between
 * the awaits of others, so how a cell ended, and with it what it declared, may be known only after later ones
 * have ended.
 */
import { type CellNames, namesAfter, noNames } from './cells.js';
import type { DeclaredNames } from './declaredNames.js';

export interface Declarations {
  /** The names that the next cell knows. */
  names(): CellNames;
  /** Adds what cell `number` declares. */
  begin(number: number, declared: DeclaredNames): void;
  /** Leaves of it, where `set` is given, only the values in `set`, and the types. */
  end(number: number, set?: readonly string[]): void;
}

interface Cell {
  readonly declared: DeclaredNames;
  readonly ended: boolean;
  readonly set?: readonly string[];
}

const after = (names: CellNames, [number, { declared, set }]: readonly [number, Cell]): CellNames =>
  namesAfter(names, number, declared, (name) => !set || set.includes(name));

export function createDeclarations(): Declarations {
  /** The names after the cells that have ended and have none before them that runs. */
  let settled = noNames;
  /** The cells since then, first come first. */
  const cells = new Map<number, Cell>();
  let names = noNames;
  return {
    names: () => names,
    begin(number, declared) {
      const cell = { declared, ended: false };
      cells.set(number, cell);
      names = after(names, [number, cell]);
    },
    end(number, set) {
      const cell = cells.get(number);
      if (!cell) return;
      cells.set(number, { ...cell, ended: true, ...(set && { set }) });
      names = [...cells].reduce(after, settled);
      for (const entry of cells) {
        if (!entry[1].ended) break;
        settled = after(settled, entry);
        cells.delete(entry[0]);
      }
    },
  };
}
