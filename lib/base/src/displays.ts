/**
 * How plain data is displayed in a notebook. A class defines that by a method
 * `Symbol.for('Jupyter.display')`; a record of tensors or a configuration is data and has no methods, and a
 * method would not survive a spread or a file. So a package registers once how its data is displayed, and a
 * kernel that knows this convention asks: the list is on the global object under
 * `Symbol.for('Jupyter.displays')`, where every copy of this package finds the same one.
 */
import type { Row } from './table.js';

/** A value in one line, and a table below it. A notebook draws it as HTML, a terminal as text. */
export interface Summary {
  /** The line. */
  readonly title: string;
  /** The table; default none. */
  readonly rows?: readonly Row[];
}

/** A summary, or MIME type → content for values that need another form. */
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
 * Registers how the values that `is` recognizes are displayed. What is registered later is asked first, so
 * that a package can be more specific than one below it.
 * @param name of the kind of value; registering it again replaces the earlier display
 */
export function registerDisplay<T extends object>(
  name: string,
  is: (value: object) => value is T,
  show: (value: T) => Shown,
): void {
  registry().set(name, { is, show });
}

/** How `value` is displayed, or undefined if nothing is registered for it. */
export function shownBy(value: unknown): Shown | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const display = [...registry().values()].reverse().find(({ is }) => is(value));
  return display?.show(value as never);
}

/** Whether what is shown is a summary, with a title and rows. */
export const isSummary = (shown: Shown): shown is Summary =>
  typeof (shown as Partial<Summary>).title === 'string';
