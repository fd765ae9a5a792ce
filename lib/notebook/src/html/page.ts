/**
 * A whole page around a body: contents at the side, the buttons, the style, Plotly once where there are
 * figures.
 */
import { createHash } from 'node:crypto';
import { escapeHtml, plotlyScript, plotlySource } from '../display/index.js';
import type { Heading } from './markdown.js';
import { pageScript } from './pageScript.js';
import { pageStyle } from './pageStyle.js';

/** The parts of a page; its texts are HTML. */
export interface PageParts {
  /** The page's title, as text. */
  readonly title: string;
  /** The list of contents, in the page's order. */
  readonly contents: readonly Heading[];
  /** What the page shows. */
  readonly body: string;
  /** Whether the page starts with the code of its cells folded. */
  readonly folded: boolean;
  /** What its maker adds; default nothing. */
  readonly additions?: PageAdditions;
}

/** What the maker of a page adds to its style and its script, besides what the body brings as safe HTML. */
export interface PageAdditions {
  /** A style sheet. */
  readonly style?: string;
  /** A script. */
  readonly script?: string;
}

/**
 * A page that needs nothing but itself. Its content security policy allows no network, no forms, and no
 * scripts but those whose hashes it names: the page's own, and Plotly.
 */
export function pageHtml({ title, contents, body, folded, additions = {} }: PageParts): string {
  const plotly = body.includes('<figure class="plot"') ? plotlyScript() : '';
  const script = `${pageScript}\n${additions.script ?? ''}`;
  const scripts = [
    script,
    ...(plotly ? [plotly.replace(/^<script[^>]*>|<\/script>$/g, ''), plotlySource()] : []),
  ];
  const policy = [
    "default-src 'none'",
    'img-src data: blob:',
    "style-src 'unsafe-inline'",
    `script-src ${scripts.map(hashSource).join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${pageStyle}${additions.style ?? ''}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<div class="layout">
<nav aria-label="Contents">
<div class="tools" hidden><button type="button" id="theme">Dark</button><button type="button" id="fold" data-folded="${folded}">${folded ? 'Show code' : 'Hide code'}</button></div>
<details open><summary>Contents</summary>
<ol>
${contents.map(contentsEntry).join('\n')}
</ol>
</details>
</nav>
<main id="main" tabindex="-1">
${body}
</main>
</div>
${plotly}
<script>${script}</script>
</body>
</html>
`;
}

/** The hash by which a policy names a script. */
const hashSource = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const contentsEntry = ({ level, html, id }: Heading): string =>
  `<li class="level-${level}"><a href="#${id}">${html}</a></li>`;

/** The text of inline HTML. */
export const plainText = (html = ''): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
