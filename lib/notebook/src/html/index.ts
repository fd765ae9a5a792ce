/**
 * `exportHtml`: notebooks as one page that needs nothing but itself: no network (its content security policy
 * allows none), no fonts, the Plotly bundle once. Its parts are exported for building other kinds of pages.
 *
 * @module tslab-kernel/html
 */
import type { Notebook } from '../run/notebookFile.js';
import { cellHtml } from './cells.js';
import { createMarkdownRenderer, type Heading } from './markdown.js';
import { type PageAdditions, pageHtml, plainText } from './page.js';

export { cellHtml, type CellOptions } from './cells.js';
export {
  createMarkdownRenderer,
  type Heading,
  type MarkdownOptions,
  type MarkdownRenderer,
} from './markdown.js';
export { type PageAdditions, pageHtml, type PageParts, plainText } from './page.js';

/** What a page contains besides its notebooks. */
export interface ExportOptions {
  /** The page's title; default the first heading. */
  readonly title?: string;
  /** What else goes onto the page; default nothing. */
  readonly additions?: PageAdditions;
}

/** The page of one notebook, or of several one after the other. */
export async function exportHtml(
  notebooks: Notebook | readonly Notebook[],
  { title, additions }: ExportOptions = {},
): Promise<string> {
  const all = 'cells' in notebooks ? [notebooks] : notebooks;
  const articles: string[] = [];
  const headings: Heading[] = [];
  for (const [i, { cells }] of all.entries()) {
    const markdown = await createMarkdownRenderer({ prefix: all.length > 1 ? `n${i + 1}-` : '' });
    const rendered = cells.map((cell) => cellHtml(cell, markdown));
    headings.push(...rendered.flatMap((cell) => cell.headings));
    articles.push(`<article>\n${rendered.map(({ html }) => html).join('\n')}\n</article>`);
  }
  const name = plainText(headings.find(({ level }) => level === 1)?.html) || title || 'Notebook';
  return pageHtml({
    title: title ?? name,
    contents: headings.filter(({ level }) => level <= 3),
    body: articles.join('\n'),
    folded: false,
    ...(additions && { additions }),
  });
}
