/**
 * How plain data shows itself in a notebook. A class says so by a method `Symbol.for('Jupyter.display')`; a
 * record of tensors or a configuration is data and has no methods, and a method would not survive a spread or
 * a file. So a package tells once what its data looks like, and a kernel that knows this convention asks: the
 * list stands on the global object under `Symbol.for('Jupyter.displays')`, where every copy of this package
 * finds the same one.
 */
import type { Row } from './table.js';

/** A value in one line, and a table below it. A notebook draws it as HTML, a terminal as text. */
export interface Summary {
  readonly title: string;
  readonly rows?: readonly Row[];
}

/** A summary, or MIME type → content for what needs a form of its own. */
export type Shown = Summary | Readonly<Record<string, unknown>>;

interface Display {
  is(value: object): boolean;
  show(value: never): Shown;
}

const registry = (): Map<string, Display> => {
  const all = globalThis as { [key: symbol]: Map<string, Display> | undefined };
  return (all[Symbol.for('Jupyter.displays')] ??= new Map());
};

/**
 * Tells how the values look that `is` knows. What is told later is asked earlier, so that a package can say
 * more of what one below it shows in general.
 * @param name of the kind of value; telling it again replaces what was told
 */
export function registerDisplay<T extends object>(
  name: string,
  is: (value: object) => value is T,
  show: (value: T) => Shown,
): void {
  registry().set(name, { is, show });
}

/** How `value` looks, or undefined if nobody told. */
export function shownBy(value: unknown): Shown | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const display = [...registry().values()].reverse().find(({ is }) => is(value));
  return display?.show(value as never);
}

/** Whether what is shown is a summary, with a title and rows. */
export const isSummary = (shown: Shown): shown is Summary =>
  typeof (shown as Partial<Summary>).title === 'string';
