/**
 * What programs write into Markdown: tables, aligned as Prettier aligns them, so that they can be part of a
 * file that it checks, and sections between marks.
 */
import { check } from './errors.js';

/** A table whose first row holds the headings; `right`: the columns that are aligned right. */
export function markdownTable(
  lines: readonly (readonly string[])[],
  { right = [] }: { readonly right?: readonly number[] } = {},
): string {
  const table = lines.map((cells) =>
    cells.map((text) => text.replace(/[\\|<>*_`]/g, '\\$&').replaceAll('\n', ' ')),
  );
  const widths = table[0]!.map((_, i) => Math.max(3, ...table.map((cells) => cells[i]!.length)));
  const padded = (text: string, i: number): string =>
    right.includes(i) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  const line = (cells: readonly string[]): string => `| ${cells.map(padded).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    right.includes(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  const [heads, ...rest] = table.map(line);
  return [heads!, `| ${rule.join(' | ')} |`, ...rest].join('\n').concat('\n');
}

/**
 * The document with `content` between the marks `<!-- name -->` and `<!-- end of name -->`.
 *
 * @throws UserError where it does not have them
 */
export function replaceSection(document: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  check(from >= 0 && to > from, `There is no ${begin} … ${end} in the document`);
  return `${document.slice(0, from)}${begin}\n\n${content.trimEnd()}\n\n${document.slice(to)}`;
}
