/** Cells and their outputs as HTML: for each output the richest form that a page without network can show. */
import { escapeHtml, type Figure } from '../display/index.js';
import { figureSvg, figureTitle } from '../picture/index.js';
import type { Cell, CodeCell } from '../run/notebookFile.js';
import type { MimeBundle, Output } from '../run/outputs.js';
import { plotlyMime } from '../run/savedOutputs.js';
import type { Heading, MarkdownRenderer } from './markdown.js';
import { safeHtml } from './sanitize.js';
import { ansiToHtml, highlight } from './text.js';

/** How a cell looks on a page. */
export interface CellOptions {
  /** Whether code starts folded; default false. */
  readonly folded?: boolean;
}

/** The HTML of a cell, and the headings in it. */
export function cellHtml(
  cell: Cell,
  markdown: MarkdownRenderer,
  options: CellOptions = {},
): { html: string; headings: Heading[] } {
  switch (cell.cell_type) {
    case 'markdown': {
      const { html, headings } = markdown.render(cell.source, cell.attachments);
      return { html: `<section class="text">\n${html}</section>`, headings };
    }
    case 'code':
      return { html: codeCellHtml(cell, markdown, options), headings: [] };
    case 'raw':
      return { html: `<pre class="raw">${escapeHtml(cell.source)}</pre>`, headings: [] };
    default:
      return cell satisfies never;
  }
}

function codeCellHtml(cell: CodeCell, markdown: MarkdownRenderer, { folded = false }: CellOptions): string {
  if (cell.source.trim() === '' && cell.outputs.length === 0) return '';
  const failed = cell.outputs.some(({ output_type }) => output_type === 'error');
  const number = cell.execution_count === null ? 'not run' : String(cell.execution_count);
  const outputs = cell.outputs.map((output) => outputHtml(output, markdown)).join('\n');
  return `<section class="cell${failed ? ' failed' : ''}">
<details class="code"${folded ? '' : ' open'}><summary>Code <span class="count">[${number}]</span></summary>
<pre><code>${highlight(cell.source)}</code></pre></details>
${outputs && `<div class="outputs">\n${outputs}\n</div>`}
</section>`;
}

/** An output's HTML. */
function outputHtml(output: Output, markdown: MarkdownRenderer): string {
  switch (output.output_type) {
    case 'stream':
      return `<pre class="stream ${output.name === 'stderr' ? 'stderr' : 'stdout'}">${ansiToHtml(output.text)}</pre>`;
    case 'error': {
      const text =
        output.traceback.length > 0 ? output.traceback.join('\n') : `${output.ename}: ${output.evalue}`;
      return `<pre class="error" role="alert">${ansiToHtml(text)}</pre>`;
    }
    case 'display_data':
    case 'execute_result':
      return bundleHtml(output.data, markdown);
    default:
      return output satisfies never;
  }
}

function bundleHtml(data: MimeBundle, markdown: MarkdownRenderer): string {
  const figure = plotlyMime in data ? figureIn(data[plotlyMime]) : undefined;
  if (figure) return figureHtml(figure, picture(data));
  const given = 'text/html' in data ? String(data['text/html']) : '';
  const html = safeHtml(given);
  if (html !== '' && (!/<script\b/i.test(given) || showsSomething(html)))
    return `<div class="html">${html}</div>`;
  if ('text/markdown' in data)
    return `<div class="html">${markdown.render(String(data['text/markdown'])).html}</div>`;
  const shown = picture(data);
  if (shown !== undefined) return `<p class="picture">${shown}</p>`;
  if ('text/latex' in data)
    return `<div class="html">${markdown.render(String(data['text/latex'])).html}</div>`;
  return `<pre class="stream">${ansiToHtml(String(data['text/plain'] ?? ''))}</pre>`;
}

/** What is left of HTML that a script was to fill shows nothing, and there may be another form of it. */
const showsSomething = (html: string): boolean =>
  /<(?:img|hr|input)\b/.test(html) || /[^\s]/.test(html.replace(/<[^>]*>|&nbsp;/g, ''));

/** The figure in a notebook's output, if it is one: its traces and its layout must be objects. */
function figureIn(value: unknown): Figure | undefined {
  const isObject = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  if (!isObject(value)) return undefined;
  const { data, layout = {} } = value as { data?: unknown; layout?: unknown };
  return Array.isArray(data) && data.every(isObject) && isObject(layout)
    ? ({ ...(value as object), data, layout } as unknown as Figure)
    : undefined;
}

/**
 * The picture in a bundle as an element; an SVG becomes an image too, because its ids would clash with
 * another's.
 */
function picture(data: MimeBundle): string | undefined {
  const alt = escapeHtml(String(data['text/plain'] ?? 'picture').slice(0, 200));
  const image = (type: string, base64: string): string =>
    `<img alt="${alt}" src="data:${type};base64,${base64}">`;
  if ('image/svg+xml' in data) {
    return image('image/svg+xml', Buffer.from(String(data['image/svg+xml'])).toString('base64'));
  }
  const type = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'].find((name) => name in data);
  const content = type === undefined ? '' : String(data[type]).replace(/\s/g, '');
  return type !== undefined && /^[A-Za-z0-9+/]+=*$/.test(content) ? image(type, content) : undefined;
}

/** JSON that may stand in a script element. */
const scriptJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/**
 * A figure: first its still picture, which the page's script replaces by Plotly's when it comes into view.
 * Its title is text above it, which, unlike Plotly's, wraps where the page ends and can be selected and
 * searched. `made` is the picture in the notebook; it serves for figures that our own still picture cannot
 * show.
 */
export function figureHtml(figure: Figure, made?: string): string {
  const { title } = (figure.layout ?? {}) as {
    title?: string | { text?: string; subtitle?: { text?: string } };
  };
  const { text, subtitle } = typeof title === 'string' ? { text: title, subtitle: undefined } : (title ?? {});
  const line = (content: string | undefined, tag: string): string =>
    content ? `<${tag}>${inlineHtml(content)}</${tag}>` : '';
  const name = escapeHtml(figureTitle(figure));
  return `<figure class="plot">
<figcaption>${line(text, 'strong')}${line(subtitle?.text?.replaceAll('<br>', ' '), 'span')}</figcaption>
<div class="still">${stillPicture(figure, name) ?? made ?? ''}</div>
<div class="plot-area" role="img" aria-label="${name}" hidden></div>
<script type="application/json">${scriptJson(figure)}</script>
</figure>`;
}

/** As an image, not inline: the ids in one SVG would clash with another's. */
function stillPicture(figure: Figure, alt: string): string | undefined {
  let svg: string;
  try {
    svg = figureSvg(figure, { titles: false, followsTheme: true });
  } catch {
    return undefined; // foreign figures may be of any shape; Plotly says what it makes of them
  }
  if (svg.includes('Not in this still picture')) return undefined;
  const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg)!;
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  return `<img alt="${alt}" width="${width}" height="${height}" src="${source}">`;
}

/** Plotly's text: plain except for a few elements. */
const inlineHtml = (text: string): string =>
  escapeHtml(text).replace(/&lt;(\/?(?:b|i|em|strong|sub|sup|br)\s*\/?)&gt;/g, '<$1>');
