/**
 * Foreign HTML made safe to look at. Opening an exported page is no decision to run what is in the notebook:
 * the HTML of Markdown cells and outputs may show text, tables and pictures, but nothing that runs, loads or
 * navigates by itself. The page's content security policy is a second line of defence.
 */
import { createRequire } from 'node:module';
import type sanitizeHtml from 'sanitize-html';

/** Loaded with the first page, as most commands make none. */
const library = (): typeof sanitizeHtml =>
  createRequire(import.meta.url)('sanitize-html') as typeof sanitizeHtml;

/**
 * Values of styles: colours, lengths and words, but no functions other than colours, so nothing is loaded.
 */
const styleValue = /^(?:[\w\s.,#%+-]|rgba?\([\d\s.,%/]*\)|hsla?\([\w\s.,%/]*\))*$/i;
const styles = [
  ...[
    'color',
    'background',
    'background-color',
    'opacity',
    'text-align',
    'text-decoration',
    'vertical-align',
  ],
  ...['font', 'font-family', 'font-size', 'font-style', 'font-weight', 'font-variant-numeric', 'line-height'],
  ...['padding', 'padding-left', 'padding-right', 'padding-top', 'padding-bottom', 'white-space', 'width'],
  ...[
    'margin',
    'margin-left',
    'margin-right',
    'margin-top',
    'margin-bottom',
    'max-width',
    'min-width',
    'height',
  ],
  ...[
    'border',
    'border-left',
    'border-right',
    'border-top',
    'border-bottom',
    'border-collapse',
    'border-color',
  ],
  ...['border-radius', 'border-spacing', 'border-style', 'border-width', 'overflow-x', 'overflow-wrap'],
];

/** Ids that the page's own scripts look for; a foreign element must not pass itself off as one of them. */
export const isReserved = (id: string): boolean => /^(oabn.*|theme|fold|main)$/i.test(id);

/** Options with one that the package's types do not have yet. */
interface Options extends sanitizeHtml.IOptions {
  readonly allowedEmptyAttributes: readonly string[];
}

const optionsFrom = ({ defaults }: typeof sanitizeHtml): Options => ({
  allowedTags: [
    ...defaults.allowedTags,
    ...['img', 'details', 'summary', 'del', 'ins', 'picture', 'figure', 'figcaption', 'input', 'button'],
  ],
  allowedAttributes: {
    '*': [
      'class',
      'id',
      'style',
      'title',
      'lang',
      'dir',
      'hidden',
      'role',
      'align',
      'tabindex',
      'aria-*',
      'data-*',
    ],
    a: ['href', 'rel'],
    img: ['src', 'alt', 'width', 'height'],
    td: ['colspan', 'rowspan', 'headers'],
    th: ['colspan', 'rowspan', 'scope', 'headers'],
    ol: ['start', 'type', 'reversed'],
    details: ['open'],
    // For task lists; no other part of forms is allowed.
    input: ['type', 'checked', 'disabled'],
    button: ['type'],
  },
  allowedStyles: { '*': Object.fromEntries(styles.map((name) => [name, [styleValue]])) },
  allowedEmptyAttributes: ['alt', 'hidden'],
  allowedSchemes: ['http', 'https', 'mailto'],
  allowedSchemesByTag: { img: ['data'] },
  allowProtocolRelative: false,
  transformTags: {
    '*': (tagName, { id, ...attribs }) => ({
      tagName,
      attribs: { ...attribs, ...(id !== undefined && !isReserved(id) && { id }) },
    }),
    a: (tagName, attribs) => ({
      tagName,
      attribs: /^\s*(https?|mailto):/i.test(attribs.href ?? '')
        ? { ...attribs, rel: 'noopener noreferrer' }
        : attribs,
    }),
    // The policy would not load others; without an address, their text is shown.
    img: (tagName, attribs) => ({
      tagName,
      attribs: Object.fromEntries(
        Object.entries(attribs).filter(([name, value]) => name !== 'src' || /^data:image\//i.test(value)),
      ),
    }),
    input: (tagName, { checked }) => ({
      tagName,
      attribs: { type: 'checkbox', disabled: '', ...(checked !== undefined && { checked }) },
    }),
    button: (tagName, attribs) => ({ tagName, attribs: { ...attribs, type: 'button' } }),
  },
});
let options: Options | undefined;

/** A drawing as an image, where nothing in it runs. Unlike in HTML, it has to say which language it is in. */
function svgImage(svg: string): string {
  const whole = /^<svg\b[^>]*\sxmlns=/i.test(svg)
    ? svg
    : svg.replace(/^<svg\b/i, '$& xmlns="http://www.w3.org/2000/svg"');
  return `<img alt="" src="data:image/svg+xml;base64,${Buffer.from(whole).toString('base64')}">`;
}

/** `html` without all that could run, load or navigate; drawings in it become images. */
export function safeHtml(html: string): string {
  options ??= optionsFrom(library());
  return library()(html.replace(/<svg\b[^]*?<\/svg\s*>/gi, svgImage), options);
}

/** `html` with emphasis, code and the like alone: for the list of contents. */
export const safeInlineHtml = (html: string): string =>
  library()(html, {
    allowedTags: ['b', 'i', 'em', 'strong', 'code', 'sub', 'sup', 'del'],
    allowedAttributes: {},
  });
