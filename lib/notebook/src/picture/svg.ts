/** Elements of an SVG as text, and how wide a text will be. */
import { escapeHtml } from 'oabn-base';

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element; numbers are rounded to hundredths of a pixel, and undefined attributes are left out. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? hundredths(value) : escapeHtml(value!)}"`)
    .join('');
  return children.length > 0 ? `<${name}${written}>${children.join('')}</${name}>` : `<${name}${written}/>`;
}

export const hundredths = (value: number): number => Math.round(value * 100) / 100;

export const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1): string =>
  element('line', { x1, y1, x2, y2, stroke, 'stroke-width': width });

export interface TextOptions {
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly color?: string;
  /** Degrees, around the text's own place. */
  readonly turn?: number;
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 14, anchor = 'start', color = '#1b1b1b', turn } = options;
  const transform = turn === undefined ? undefined : `rotate(${turn} ${hundredths(x)} ${hundredths(y)})`;
  return element(
    'text',
    { x, y, 'font-size': size, 'text-anchor': anchor, fill: color, transform },
    escapeHtml(content),
  );
}

/**
 * A text in lines no wider than `width` pixels, broken between words; a longer word has a line of its own.
 */
export function wrapText(content: string, width: number, size = 14): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * The approximate width of a text in a sans-serif font. The font is not known, so the width is computed from
 * those of Helvetica, rounded up to three classes of letters.
 */
export function textWidth(content: string, size = 14): number {
  const widths = [...content].map((letter) =>
    /[iljtfI.,:;|!'()[\] ]/.test(letter)
      ? 0.34
      : /[mwMW%@—…]/.test(letter)
        ? 0.92
        : /[A-Z]/.test(letter)
          ? 0.72
          : 0.58,
  );
  return size * widths.reduce((sum, width) => sum + width, 0);
}
