/**
 * Two pictures as SVG text: points on a plane with a front, and bars with marks. Few lines, so that a page
 * needs nothing else.
 */

/** Okabe and Ito's colours, told apart by all eyes. */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8C6D1F'] as const;

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Drawn as a bar from `low` to `high` through the point. */
  readonly low?: number;
  readonly high?: number;
  readonly group: string;
  readonly label: string;
  readonly onFront: boolean;
}

export interface PlaneSpec {
  readonly points: readonly Point[];
  readonly xTitle: string;
  readonly yTitle: string;
  /** A horizontal line with its words. */
  readonly reference?: { readonly y: number; readonly label: string };
}

const [width, height] = [760, 400];
const frame = { left: 64, right: width - 16, top: 16, bottom: height - 52 };

/** Points over a logarithmic x; those on the front are filled and joined. */
export function planeSvg({ points, xTitle, yTitle, reference }: PlaneSpec): string {
  const xs = points.map(({ x }) => Math.log2(x));
  const [left, right] = [Math.min(...xs) - 0.3, Math.max(...xs) + 0.6];
  const x = (value: number): number => scale(Math.log2(value), left, right, frame.left, frame.right);
  const y = (value: number): number => scale(value, 0, 1, frame.bottom, frame.top);
  const groups = [...new Set(points.map(({ group }) => group))];
  const colour = (group: string): string => palette[groups.indexOf(group) % palette.length]!;
  const ticks = niceTicks(2 ** left, 2 ** right);
  const marks = points.map(({ x: px, y: py, low, high, group, label, onFront }) => {
    const whisker =
      low === undefined || high === undefined
        ? ''
        : `<line x1="${at(x(px))}" x2="${at(x(px))}" y1="${at(y(low))}" y2="${at(y(high))}" stroke="${colour(group)}" stroke-width="2" opacity="0.5"/>`;
    const fill = onFront ? colour(group) : 'var(--page)';
    return (
      `${whisker}<circle cx="${at(x(px))}" cy="${at(y(py))}" r="5" fill="${fill}" stroke="${colour(group)}" stroke-width="2">` +
      `<title>${escapeText(`${group}, ${label}`)}</title></circle>` +
      // Only the front is labelled: the others lie close together.
      (onFront
        ? `<text x="${at(x(px))}" y="${at(y(py) + 18)}" text-anchor="middle" class="small">${escapeText(label)}</text>`
        : '')
    );
  });
  const front = points.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x);
  const line = `<polyline points="${front.map((p) => `${at(x(p.x))},${at(y(p.y))}`).join(' ')}" fill="none" stroke="currentColor" opacity="0.35" stroke-dasharray="4 3"/>`;
  return svg(
    height,
    [
      ...[0, 0.25, 0.5, 0.75, 1].map((v) => horizontal(y(v), `${100 * v}%`)),
      ...ticks.map(
        (tick) =>
          `<text x="${at(x(tick))}" y="${frame.bottom + 18}" text-anchor="middle" class="small">${tick}</text>`,
      ),
      reference
        ? `<line x1="${frame.left}" x2="${frame.right}" y1="${at(y(reference.y))}" y2="${at(y(reference.y))}" stroke="currentColor" opacity="0.6"/><text x="${frame.left + 6}" y="${at(y(reference.y) - 5)}" class="small">${escapeText(reference.label)}</text>`
        : '',
      line,
      ...marks,
      `<text x="${(frame.left + frame.right) / 2}" y="${height - 12}" text-anchor="middle">${escapeText(xTitle)}</text>`,
      `<text transform="translate(16 ${(frame.top + frame.bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeText(yTitle)}</text>`,
    ],
    `${yTitle} against ${xTitle}`,
  );
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly group: string;
}

/** Horizontal bars over a logarithmic axis from 1, with vertical marks. */
export function barsSvg(
  bars: readonly Bar[],
  marks: readonly { readonly value: number; readonly label: string }[],
  xTitle: string,
): string {
  const labelWidth = Math.min(280, 16 + 6.3 * Math.max(...bars.map(({ label }) => label.length)));
  const tall = 40 + 16 * bars.length + 30;
  const most = Math.max(...bars.map(({ value }) => value), ...marks.map(({ value }) => value)) * 1.15;
  const x = (value: number): number =>
    scale(Math.log(Math.max(1, value)), 0, Math.log(most), labelWidth, width - 20);
  const groups = [...new Set(bars.map(({ group }) => group))];
  const rows = bars.map(({ label, value, group }, i) => {
    const y = 34 + 16 * i;
    return (
      `<text x="${at(labelWidth - 6)}" y="${y + 10}" text-anchor="end" class="small">${escapeText(label)}</text>` +
      `<rect x="${at(labelWidth)}" y="${y + 1}" width="${at(Math.max(1, x(value) - labelWidth))}" height="11" fill="${palette[groups.indexOf(group) % palette.length]}">` +
      `<title>${escapeText(`${label}: ${value.toFixed(1)}, ${group}`)}</title></rect>`
    );
  });
  const lines = marks.map(
    ({ value, label }) =>
      `<line x1="${at(x(value))}" x2="${at(x(value))}" y1="20" y2="${tall - 24}" stroke="currentColor" stroke-dasharray="3 3"/>` +
      `<text x="${at(x(value))}" y="14" text-anchor="middle" class="small">${escapeText(label)}</text>`,
  );
  return svg(
    tall,
    [
      ...rows,
      ...lines,
      `<text x="${(labelWidth + width) / 2}" y="${tall - 6}" text-anchor="middle">${escapeText(xTitle)}</text>`,
    ],
    xTitle,
  );
}

/** The groups of bars or points in the order of their colours. */
export function legendHtml(marks: readonly { readonly group: string }[]): string {
  const groups = [...new Set(marks.map(({ group }) => group))];
  const items = groups.map(
    (group, i) =>
      `<span><i style="background:${palette[i % palette.length]}"></i>${escapeText(group)}</span>`,
  );
  return `<p class="legend">${items.join('')}</p>`;
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
}

function svg(tall: number, parts: readonly string[], description: string): string {
  return (
    `<svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escapeText(description)}" ` +
    `style="max-width:${width}px;width:100%">${parts.join('')}</svg>`
  );
}

const horizontal = (y: number, label: string): string =>
  `<line x1="${frame.left}" x2="${frame.right}" y1="${at(y)}" y2="${at(y)}" stroke="currentColor" opacity="0.15"/>` +
  `<text x="${frame.left - 8}" y="${at(y + 4)}" text-anchor="end" class="small">${label}</text>`;

const scale = (value: number, from: number, to: number, low: number, high: number): number =>
  low + ((value - from) / (to - from || 1)) * (high - low);

const at = (value: number): string => value.toFixed(1);

/** 1, 2, 5, 10, … between two numbers. */
function niceTicks(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    for (const digit of [1, 2, 5]) {
      const tick = Number((digit * 10 ** power).toPrecision(1));
      if (tick >= from && tick <= to) ticks.push(tick);
    }
  }
  return ticks;
}
