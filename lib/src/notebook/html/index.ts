/**
 * `exportHtml`: notebooks as one page that needs nothing but itself: no network (its content security policy allows
 * none), no fonts, the Plotly bundle once.
 */
import { plotlyScript } from '../display/index.js';
import type { Notebook } from '../notebookFile.js';
import { cellHtml } from './cells.js';
import { createMarkdownRenderer, type Heading } from './markdown.js';
import { pageScript } from './pageScript.js';
import { pageStyle } from './pageStyle.js';
import { escapeHtml } from './text.js';

export interface ExportOptions {
  /** The page's title; the first heading unless given. */
  readonly title?: string;
}

/** The page of one notebook, or of several one after the other. */
export async function exportHtml(
  notebooks: Notebook | readonly Notebook[],
  { title }: ExportOptions = {},
): Promise<string> {
  const all = 'cells' in notebooks ? [notebooks] : notebooks;
  const articles: string[] = [];
  const headings: Heading[] = [];
  for (const [i, { cells }] of all.entries()) {
    const markdown = await createMarkdownRenderer(all.length > 1 ? `n${i + 1}-` : '');
    const rendered = cells.map((cell) => cellHtml(cell, markdown));
    headings.push(...rendered.flatMap((cell) => cell.headings));
    articles.push(`<article>\n${rendered.map(({ html }) => html).join('\n')}\n</article>`);
  }
  const body = articles.join('\n');
  const name = plainText(headings.find(({ level }) => level === 1)?.html) || title || 'Notebook';
  const plotly = body.includes('<figure class="plot">') ? `${plotlyScript()}\n` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title ?? name)}</title>
<link rel="icon" href="data:,">
<style>${pageStyle}</style>
</head>
<body>
<div class="layout">
<nav aria-label="Contents">
<div class="tools"><button type="button" id="theme">Dark</button><button type="button" id="fold">Hide code</button></div>
<details open><summary>Contents</summary>
<ol>
${headings
  .filter(({ level }) => level <= 3)
  .map(contentsEntry)
  .join('\n')}
</ol>
</details>
</nav>
<main>
${body}
</main>
</div>
${plotly}<script>${pageScript}</script>
</body>
</html>
`;
}

const contentsEntry = ({ level, html, id }: Heading): string =>
  `<li class="level-${level}"><a href="#${id}">${html}</a></li>`;

const plainText = (html = ''): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
