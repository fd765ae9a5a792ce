/**
 * Markdown cells as HTML. Formulas between `$…$` and `$$…$$` become MathML, which every current browser draws
 * without fonts or scripts from elsewhere. Headings get ids for the list of contents. HTML in the Markdown is
 * foreign and is sanitized; formulas are ours, so they are inserted after that.
 */
import type { MimeBundle } from '../run/outputs.js';
import { randomBytes } from 'node:crypto';
import { escapeHtml } from '../display/index.js';
import { isReserved, safeHtml, safeInlineHtml } from './sanitize.js';

/** A heading, for the list of contents. */
export interface Heading {
  /** 1 to 6. */
  readonly level: number;
  /** HTML without links. */
  readonly html: string;
  /** Its id on the page. */
  readonly id: string;
}

/** Markdown to HTML, for the cells of one notebook. */
export interface MarkdownRenderer {
  /** The HTML of a cell, and its headings. */
  render(source: string, attachments?: MimeBundle): { html: string; headings: Heading[] };
}

/** Where headings and links go on the page. */
export interface MarkdownOptions {
  /** Distinguishes the ids from those of other notebooks on the same page. */
  readonly prefix?: string;
  /**
   * By how many levels headings are lowered below a page's own; if > 0, no level is skipped either. Default
   * 0.
   */
  readonly levelsDown?: number;
  /** The target of a link to the notebook of that name; default the page of that name next to this one. */
  readonly linkTo?: (name: string) => string | undefined;
}

/** A renderer for one notebook. */
export async function createMarkdownRenderer({
  prefix = '',
  levelsDown = 0,
  linkTo = () => undefined,
}: MarkdownOptions = {}): Promise<MarkdownRenderer> {
  const [{ Marked }, { default: temml }] = await Promise.all([import('marked'), import('temml')]);
  const used = new Set<string>();
  const newId = (text: string): string => {
    const words = text
      .toLowerCase()
      .replace(/<[^>]*>|&\w+;/g, '')
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .replace(/^-|-$/g, '');
    // Signs alone name nothing.
    const name = prefix + (words || 'section');
    // The sanitizer takes away the ids that the page keeps for itself.
    const slug = isReserved(name) ? `section-${name}` : name;
    let id = slug;
    for (let count = 1; used.has(id); count++) id = `${slug}-${count}`;
    used.add(id);
    return id;
  };
  const mathMl = (tex: string, display: boolean): string => {
    try {
      return temml.renderToString(tex, { displayMode: display, throwOnError: true, trust: false });
    } catch {
      return `<code>${escapeHtml(tex)}</code>`;
    }
  };
  // Words that no notebook can contain stand for the formulas while the HTML around them is sanitized.
  const mark = `formula-${randomBytes(12).toString('hex')}-`;
  const formulas: string[] = [];
  const formula = (tex: string, display: boolean): string =>
    `${mark}${formulas.push(mathMl(tex, display)) - 1};`;
  const withFormulas = (html: string): string =>
    html.replace(new RegExp(`${mark}(\\d+);`, 'g'), (_, index: string) => formulas[Number(index)]!);

  let headings: Heading[] = [];
  let deepest = levelsDown;
  let attached: MimeBundle = {};
  const marked = new Marked({ gfm: true });
  marked.use({
    extensions: [
      // A block begins only at the start of a line, because it would cut a paragraph in two.
      mathExtension('blockMath', 'block', /(?<=^|\n)\$\$/, /^\$\$([\s\S]+?)\$\$/, (tex) =>
        formula(tex, true),
      ),
      // An environment needs no dollars around it.
      mathExtension(
        'environment',
        'block',
        /(?<=^|\n)\\begin\{/,
        /^(\\begin\{([a-z]+\*?)\}[\s\S]+?\\end\{\2\})/,
        (tex) => formula(tex, true),
      ),
      mathExtension('inlineDisplayMath', 'inline', /\$/, /^\$\$([^$]+?)\$\$/, (tex) => formula(tex, true)),
      mathExtension('inlineMath', 'inline', /\$/, /^\$(?!\s)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/, (tex) =>
        formula(tex, false),
      ),
    ],
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const id = newId(withFormulas(safeInlineHtml(html)));
        const level = levelsDown === 0 ? depth : Math.min(6, depth + levelsDown, deepest + 1);
        deepest = level;
        headings.push({ level, html: withFormulas(safeInlineHtml(html)), id });
        return `<h${level} id="${id}">${html}</h${level}>\n`;
      },
      link({ href, tokens }) {
        // A notebook's page is next to the pages of the notebooks that it names.
        const target = href.replace(
          /^(?!\w+:)(.*)\.ipynb(#.*)?$/,
          (_, name: string, place: string = '') =>
            linkTo(name.replace(/^\.\//, '')) ?? `${name}.html${place}`,
        );
        return `<a href="${escapeHtml(target)}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        return `<img src="${escapeHtml(attachmentUri(href, attached))}" alt="${escapeHtml(text)}">`;
      },
    },
  });
  return {
    render(source, attachments = {}) {
      headings = [];
      attached = attachments;
      formulas.length = 0;
      const html = withFormulas(safeHtml(marked.parse(source, { async: false })));
      return { html: html.replace(/<table>[^]*?<\/table>/g, '<div class="wide">$&</div>'), headings };
    },
  };
}

function mathExtension(
  name: string,
  level: 'block' | 'inline',
  opening: RegExp,
  rule: RegExp,
  render: (tex: string) => string,
) {
  return {
    name,
    level,
    // Where the next one may begin.
    start(source: string): number | undefined {
      const at = source.search(opening);
      return at < 0 ? undefined : at;
    },
    tokenizer(source: string) {
      const match = rule.exec(source);
      return match ? { type: name, raw: match[0], text: match[1]!.trim() } : undefined;
    },
    renderer: (token: { text?: string }) => render(token.text ?? ''),
  };
}

/** `attachment:name` as a data URI; any other address as it is. */
function attachmentUri(href: string, attachments: MimeBundle): string {
  if (!href.startsWith('attachment:')) return href;
  const name = href.slice('attachment:'.length);
  const bundle = (attachments[name] ?? attachments[decoded(name)]) as MimeBundle | undefined;
  const [type, content] = Object.entries(bundle ?? {}).find(([each]) => each.startsWith('image/')) ?? [];
  return type === undefined ? href : `data:${type};base64,${String(content)}`;
}

/** A name in an address may have special characters written as %…; a name without them stays as it is. */
function decoded(name: string): string {
  try {
    return decodeURI(name);
  } catch {
    return name;
  }
}
