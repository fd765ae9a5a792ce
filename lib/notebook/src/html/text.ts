/** Text to HTML: escaping, terminal colours, and the light colouring of TypeScript. */
const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities[character]!);

const tokens =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|(?<number>\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b)|(?<keyword>\b(?:as|async|await|break|case|catch|class|const|continue|default|delete|do|else|enum|export|extends|false|finally|for|from|function|if|import|in|instanceof|interface|let|new|null|of|return|satisfies|static|super|switch|this|throw|true|try|type|typeof|undefined|var|void|while|yield)\b)/g;

/** TypeScript as HTML with its comments, strings, numbers and keywords in `<span class="hl-…">`. */
export function highlight(code: string): string {
  let [html, at] = ['', 0];
  for (const match of code.matchAll(tokens)) {
    const kind = Object.entries(match.groups!).find(([, text]) => text !== undefined)![0];
    html += escapeHtml(code.slice(at, match.index!));
    html += `<span class="hl-${kind}">${escapeHtml(match[0])}</span>`;
    at = match.index! + match[0].length;
  }
  return html + escapeHtml(code.slice(at));
}

const colors = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** The classes that stand after the SGR parameters `codes`, given those before. */
function nextStyle(style: readonly string[], codes: readonly number[]): string[] {
  let next = [...style];
  const replace = (prefix: string, name?: string): void => {
    next = next.filter((item) => !item.startsWith(prefix));
    if (name !== undefined) next.push(prefix + name);
  };
  for (const code of codes) {
    if (code === 0) next = [];
    else if (code === 1) replace('ansi-bold', '');
    else if (code === 22) replace('ansi-bold');
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) replace('ansi-fg-', colors[code % 10]);
    else if (code === 39) replace('ansi-fg-');
  }
  return next;
}

/** Terminal text as HTML: SGR colours as classes, other escape sequences dropped, `\r` starting its line over. */
export function ansiToHtml(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, '').split('\r').at(-1)!);
  let style: string[] = [];
  return lines
    .join('\n')
    .replace(/\u001b\[([\d;]*)([A-Za-z])|[^\u001b]+|\u001b/g, (piece, codes?: string, end?: string) => {
      if (end === 'm') style = nextStyle(style, (codes || '0').split(';').map(Number));
      if (piece.startsWith('\u001b')) return '';
      return style.length > 0
        ? `<span class="${style.join(' ')}">${escapeHtml(piece)}</span>`
        : escapeHtml(piece);
    });
}
