/** What a module is called in an import: types and values are found by the same rule. */

/** Whether a module is named by its place, not by its package. */
export const isPath = (specifier: string): boolean =>
  /^(?:\.{1,2}(?:[\\/]|$)|[\\/]|[A-Za-z]:[\\/]|file:)/.test(specifier);
