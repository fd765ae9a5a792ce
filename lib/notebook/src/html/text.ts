/** Text to HTML by the usual libraries: TypeScript by highlight.js, terminal text by ansi_up. */
import { AnsiUp } from 'ansi_up';
import hljs from 'highlight.js/lib/core';
import typescript from 'highlight.js/lib/languages/typescript';

hljs.registerLanguage('typescript', typescript);

/** TypeScript as HTML, its parts in `<span class="hljs-…">`. */
export function highlight(code: string): string {
  return hljs.highlight(code, { language: 'typescript', ignoreIllegals: true }).value;
}

/**
 * Terminal text as HTML: SGR colours as classes, other escape sequences dropped, `\r` starting its line over.
 */
export function ansiToHtml(text: string): string {
  const terminal = new AnsiUp();
  terminal.use_classes = true;
  terminal.url_allowlist = {}; // a link from a terminal may lead anywhere; its text is enough
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, '').split('\r').at(-1)!);
  return terminal.ansi_to_html(lines.join('\n'));
}
