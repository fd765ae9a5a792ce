/**
 * Two pictures as SVG text: points on a plane with a front, and bars with marks. Few lines, so that a page
 * needs nothing else.
 */
import { escapeHtml } from 'oabn-base';

/** Okabe and Ito's colours, which people with any colour vision can tell apart, then a brown and a grey. */
const palette = [
  ...['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9'],
  ...['#8C6D1F', '#7F7F7F'],
] as const;

/** The colour of each group: its place among `groups`, which pictures of one page share. */
function colouring(groups: readonly string[]): (group: string) => string {
  return (group) => palette[groups.indexOf(group) % palette.length]!;
}

const groupsOf = (marks: readonly { readonly group: string }[]): string[] => [
  ...new Set(marks.map(({ group }) => group)),
];

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
  /** A horizontal line with its label. */
  readonly reference?: { readonly y: number; readonly label: string };
  /** All groups in the order of their colours; default those of the points. */
  readonly groups?: readonly string[];
}

const [width, height] = [800, 400];
const frame = { left: 64, right: width - 16, top: 16, bottom: height - 52 };

/** Points over a logarithmic x; those on the front are filled and joined. */
export function planeSvg({ points, xTitle, yTitle, reference, groups }: PlaneSpec): string {
  const xs = points.map(({ x }) => Math.log2(x));
  const [left, right] = [Math.min(...xs) - 0.3, Math.max(...xs) + 0.3];
  const most = Math.max(reference?.y ?? 0, ...points.map(({ y, high = y }) => high));
  const top = Math.min(1, Math.ceil(10 * (most + 0.04)) / 10);
  const x = (value: number): number => scale(Math.log2(value), left, right, frame.left, frame.right);
  const y = (value: number): number => scale(value, 0, top, frame.bottom, frame.top);
  const colour = colouring(groups ?? groupsOf(points));
  const at = points.map((point) => ({ ...point, px: x(point.x), py: y(point.y) }));
  const front = at.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x);
  const line = front.map(({ px, py }) => `${round(px)},${round(py)}`).join(' ');
  return svg(
    height,
    [
      ...sharesUpTo(top).map((share) => horizontal(y(share), `${Math.round(100 * share)}%`)),
      ...niceTicks(2 ** left, 2 ** right).map((tick) =>
        textAt(x(tick), frame.bottom + 18, 'middle', String(tick)),
      ),
      reference ? referenceLine(y(reference.y), reference.label) : '',
      `<polyline points="${line}" fill="none" stroke="currentColor" opacity="0.35" stroke-dasharray="4 3"/>`,
      ...at.map((point) => whisker(point, y, colour(point.group)) + circle(point, colour(point.group))),
      // Only the front is labelled: the others lie close together.
      ...placeLabels(front, at),
      `<text x="${(frame.left + frame.right) / 2}" y="${height - 12}" text-anchor="middle">${escapeHtml(xTitle)}</text>`,
      `<text transform="translate(16 ${(frame.top + frame.bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yTitle)}</text>`,
    ],
    `${yTitle} against ${xTitle}`,
  );
}

type Placed = Point & { readonly px: number; readonly py: number };

const radius = 5;

function circle({ px, py, group, label, onFront }: Placed, colour: string): string {
  return (
    `<circle cx="${round(px)}" cy="${round(py)}" r="${radius}" fill="${onFront ? colour : 'var(--page)'}" stroke="${colour}" stroke-width="2">` +
    `<title>${escapeHtml(`${group}, ${label}`)}</title></circle>`
  );
}

function whisker({ px, low, high }: Placed, y: (value: number) => number, colour: string): string {
  if (low === undefined || high === undefined) return '';
  return `<line x1="${round(px)}" x2="${round(px)}" y1="${round(y(low))}" y2="${round(y(high))}" stroke="${colour}" stroke-width="2" opacity="0.5"/>`;
}

function referenceLine(y: number, label: string): string {
  return (
    `<line x1="${frame.left}" x2="${frame.right}" y1="${round(y)}" y2="${round(y)}" stroke="currentColor" opacity="0.6"/>` +
    textAt(frame.left + 6, y - 5, 'start', label)
  );
}

/** Where a label may stand beside its point, the best place first: anchor and offset of its baseline. */
const places = [
  { anchor: 'middle', dx: 0, dy: 18 },
  { anchor: 'middle', dx: 0, dy: -10 },
  { anchor: 'start', dx: 9, dy: 4 },
  { anchor: 'end', dx: -9, dy: 4 },
] as const;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** The labels of `front` where they cover no point and no other label; those without a place are left out. */
function placeLabels(front: readonly Placed[], points: readonly Placed[]): string[] {
  const reach = radius + 2;
  const around = ({ px, py }: Placed): Box => {
    return { left: px - reach, right: px + reach, top: py - reach, bottom: py + reach };
  };
  const taken = points.map(around);
  return front.map(({ px, py, label }) => {
    const wide = 6.2 * label.length;
    for (const { anchor, dx, dy } of places) {
      const left = px + dx - (anchor === 'middle' ? wide / 2 : anchor === 'end' ? wide : 0);
      const box = { left, right: left + wide, top: py + dy - 9, bottom: py + dy + 2 };
      const inside =
        box.top >= 0 && box.bottom <= frame.bottom && box.left >= frame.left && box.right <= width;
      if (!inside || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      return textAt(px + dx, py + dy, anchor, label);
    }
    return '';
  });
}

const textAt = (x: number, y: number, anchor: string, text: string): string =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" class="small">${escapeHtml(text)}</text>`;

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
  const colour = colouring(groupsOf(bars));
  const rows = bars.map(({ label, value, group }, i) => {
    const y = 34 + 16 * i;
    return (
      `<text x="${round(labelWidth - 6)}" y="${y + 10}" text-anchor="end" class="small">${escapeHtml(label)}</text>` +
      `<rect x="${round(labelWidth)}" y="${y + 1}" width="${round(Math.max(1, x(value) - labelWidth))}" height="11" fill="${colour(group)}">` +
      `<title>${escapeHtml(`${label}: ${value.toFixed(1)}, ${group}`)}</title></rect>`
    );
  });
  const lines = marks.map(
    ({ value, label }) =>
      `<line x1="${round(x(value))}" x2="${round(x(value))}" y1="20" y2="${tall - 24}" stroke="currentColor" stroke-dasharray="3 3"/>` +
      `<text x="${round(x(value))}" y="14" text-anchor="middle" class="small">${escapeHtml(label)}</text>`,
  );
  return svg(
    tall,
    [
      ...rows,
      ...lines,
      `<text x="${(labelWidth + width) / 2}" y="${tall - 6}" text-anchor="middle">${escapeHtml(xTitle)}</text>`,
    ],
    xTitle,
  );
}

/** The groups of bars or points with their colours; `groups` as in `PlaneSpec`. */
export function legendHtml(
  marks: readonly { readonly group: string }[],
  groups: readonly string[] = groupsOf(marks),
): string {
  const colour = colouring(groups);
  const items = groupsOf(marks).map(
    (group) => `<span><i style="background:${colour(group)}"></i>${escapeHtml(group)}</span>`,
  );
  return `<p class="legend">${items.join('')}</p>`;
}

function svg(tall: number, parts: readonly string[], description: string): string {
  return (
    // On narrow screens it scrolls, so that the letters stay large enough to read.
    `<div class="wide"><svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escapeHtml(description)}" ` +
    `style="width:100%;min-width:${0.8 * width}px">${parts.join('')}</svg></div>`
  );
}

const horizontal = (y: number, label: string): string =>
  `<line x1="${frame.left}" x2="${frame.right}" y1="${round(y)}" y2="${round(y)}" stroke="currentColor" opacity="0.15"/>` +
  `<text x="${frame.left - 8}" y="${round(y + 4)}" text-anchor="end" class="small">${label}</text>`;

const scale = (value: number, from: number, to: number, low: number, high: number): number =>
  low + ((value - from) / (to - from || 1)) * (high - low);

const round = (value: number): string => value.toFixed(1);

/** Shares 0 … top in steps that leave three to seven lines. */
function sharesUpTo(top: number): number[] {
  const step = top > 0.6 ? 0.2 : 0.1;
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Digits of ticks between two powers of ten, from few to many. */
const tickDigits = [
  [1, 2, 5],
  [1, 1.5, 2, 3, 5, 7],
  [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9],
] as const;
const mostTicks = 8;

/** Round numbers between two; at most eight, except over many powers of ten. */
function niceTicks(from: number, to: number): number[] {
  const choices = tickDigits.map((digits) => ticksOf(digits, from, to));
  return choices.findLast(({ length }) => length <= mostTicks) ?? choices[0]!;
}

function ticksOf(digits: readonly number[], from: number, to: number): number[] {
  const first = Math.floor(Math.log10(from));
  const powers = Array.from({ length: Math.floor(Math.log10(to)) - first + 1 }, (_, i) => first + i);
  return powers
    .flatMap((power) => digits.map((digit) => Number((digit * 10 ** power).toPrecision(2))))
    .filter((tick) => tick >= from && tick <= to);
}
