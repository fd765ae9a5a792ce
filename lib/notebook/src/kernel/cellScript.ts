/**
 * The scripts that run a compiled cell or a local module: how they are wrapped, and the names by which V8
 * knows them.
 */

/** What stands before the cell's statements, on their first line. */
const lead = "(async (__scope, __cell, require, __filename, __dirname) => { 'use strict'; ";

/** The names that the wrapper passes to a cell, which are not the reader's. */
export const wrapperNames: ReadonlySet<string> = new Set([
  '__scope',
  '__cell',
  'require',
  '__filename',
  '__dirname',
]);

/** An expression whose value is the cell as a function. */
export const cellScript = (js: string): string => `${lead}${js}\n})`;

/** The script's name in V8. */
export const cellFileName = (number: number): string => `cell:${number}`;

/**
 * Where the user's text stands in the script and in the source map's source: columns before the first line,
 * lines.
 */
export const cellOffset = { indent: lead.length, lead: 1 } as const;

/** The same length for both kinds, so that columns do not depend on it. */
const moduleLead = (awaits: boolean): string =>
  `(${awaits ? 'async' : '     '} function (exports, require, __require, module, __filename, __dirname, __meta, __import) { `;

/** An expression whose value is a CommonJS module as a function, an asynchronous one if it awaits at its top level. */
export const moduleScript = (js: string, awaits: boolean): string => `${moduleLead(awaits)}${js}\n})`;

export const moduleOffset = { indent: moduleLead(false).length, lead: 0 } as const;
