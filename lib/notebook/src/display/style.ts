/**
 * The house style of all figures: Plotly's JSON, white cards with dark text (so that they read on a dark page
 * too), the Okabe–Ito palette, which colour-blind readers tell apart, and a title on every axis.
 */

/** A figure as Plotly takes it; plain JSON. */
export interface Figure {
  /** Plotly's traces. */
  readonly data: readonly Readonly<Record<string, unknown>>[];
  /** Plotly's layout. */
  readonly layout: Readonly<Record<string, unknown>>;
}

/** The texts around a figure. */
export interface Titles {
  /** The title of the figure. */
  readonly title: string;
  /** A line below the title: data, profile, seeds. It says so when data are made. */
  readonly subtitle: string;
  /** Including units. */
  readonly xTitle: string;
  /** Including units. */
  readonly yTitle: string;
}

/** Okabe & Ito (2008): distinguishable with every common colour vision; the last is their grey. */
export const palette = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#000000',
  '#F0E442',
  '#999999',
] as const;

/** Marker shapes in the palette's order, so that series differ without colour too. */
export const symbols = [
  'circle',
  'square',
  'diamond',
  'triangle-up',
  'cross',
  'x',
  'star',
  'hexagon',
] as const;

/**
 * The house style's colours on a dark page; colours that are not listed stay. The list is closed, so a
 * figure's JSON or SVG is recoloured by replacing them.
 */
export const darkColors: Readonly<Record<string, string>> = {
  '#ffffff': '#14171b',
  '#1b1b1b': '#e4e7eb',
  '#444444': '#8b949e',
  '#555555': '#a3acb8',
  '#e6e6e6': '#2e343c',
  '#000000': '#e4e7eb',
  '#0072b2': '#4aa3df',
  'rgba(255,255,255,0.8)': 'rgba(20,23,27,0.8)',
};

/** The colour of the series with index `i`; they repeat after the palette's last. */
export const colorAt = (i: number): string => palette[i % palette.length]!;

const font = {
  family: 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
  size: 14,
  color: '#1b1b1b',
};

/** The common layout, with `more` on top of it. */
export function layoutOf(
  { title, subtitle, xTitle, yTitle }: Titles,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const lines = wrap(subtitle);
  return {
    title: {
      text: title,
      subtitle: { text: lines.join('<br>'), font: { ...font, size: 12, color: '#555555' } },
      x: 0.02,
      xanchor: 'left',
    },
    font,
    paper_bgcolor: '#ffffff',
    plot_bgcolor: '#ffffff',
    colorway: [...palette],
    width: 820,
    height: 460,
    margin: marginsOf(lines.length),
    legend: { orientation: 'v', bgcolor: 'rgba(255,255,255,0.8)' },
    xaxis: axis(xTitle),
    yaxis: axis(yTitle),
    ...more,
  };
}

/** Margins that leave room for a subtitle of this many lines. */
const marginsOf = (lines: number): Record<string, number> => ({ l: 70, r: 24, t: 70 + 17 * lines, b: 64 });

/** A text in lines of at most `most` characters: as many as fit on a figure in the subtitle's size. */
export function wrap(text: string, most = 125): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1) !== '' && lines.at(-1)!.length + 1 + word.length > most) lines.push('');
    lines.push([lines.pop(), word].filter(Boolean).join(' '));
  }
  return lines;
}

/** An axis with its title. */
export function axis(title: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    // In the size of the tick labels: Plotly's own, larger one is longer than the axis of a low figure.
    title: { text: title, standoff: 14, font: { size: font.size } },
    showline: true,
    linecolor: '#444444',
    gridcolor: '#e6e6e6',
    zeroline: false,
    automargin: true,
    ...more,
  };
}
