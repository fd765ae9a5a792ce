/**
 * A Plotly figure as SVG, drawn here: no browser, no canvas, the same picture on every machine. It supports
 * what our own figures use (scatter, bar and heatmap traces; linear, log and category axes), and the picture
 * says what it leaves out.
 */
import { escapeHtml } from 'oabn-base';
import { darkColors, type Figure } from '../display/style.js';
import { cartesianBody } from './cartesian.js';
import { heatmapBody } from './heatmap.js';
import { figureTitle, type LayoutSpec, plainLines, readFigure } from './spec.js';
import { element, text } from './svg.js';

/** What the picture shows besides the plot, and in which colours. */
export interface PictureOptions {
  /**
   * Whether title and subtitle are in the picture; without them it is lower by their height. Default true.
   */
  readonly titles?: boolean;
  /** Dark colours where the page around the picture is dark; default false: a white card everywhere. */
  readonly followsTheme?: boolean;
}

/** The figure as an SVG document of the figure's own size. */
export function figureSvg(
  figure: Figure,
  { titles = true, followsTheme = false }: PictureOptions = {},
): string {
  const { traces, missing, layout: full } = readFigure(figure);
  const layout = titles ? full : withoutTitleMargin(full);
  const { width = 820, height = 460, font } = layout;
  const heatmap = traces.find((trace) => trace.type === 'heatmap');
  const cartesian = traces.filter((trace) => trace.type !== 'heatmap');
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': font?.family ?? 'sans-serif',
    },
    element('title', {}, escapeHtml(figureTitle(figure))),
    followsTheme ? element('style', {}, darkStyle) : '',
    element('rect', { width, height, fill: '#ffffff' }),
    ...(titles ? titleLines(figure, layout) : []),
    heatmap ? heatmapBody(heatmap, layout, width, height) : cartesianBody(cartesian, layout, width, height),
    missing.length > 0
      ? text(width / 2, height / 2, `Not in this still picture: ${missing.join(', ')}`, {
          anchor: 'middle',
          color: '#555555',
        })
      : '',
  );
}

/** The space that Plotly itself needs above the axes where a page has the title as text. */
export const bareMargin = 16;

function withoutTitleMargin(layout: LayoutSpec): LayoutSpec {
  const margin = layout.margin ?? { l: 70, r: 24, t: 84, b: 64 };
  return {
    ...layout,
    margin: { ...margin, t: bareMargin },
    height: (layout.height ?? 460) - (margin.t - bareMargin),
  };
}

/** The dark counterparts of our colours, for a picture that a page shows. */
const darkStyle = `@media (prefers-color-scheme: dark) { ${Object.entries(darkColors)
  .flatMap(([light, dark]) =>
    ['fill', 'stroke'].map((name) => `[${name}="${light}" i] { ${name}: ${dark}; }`),
  )
  .join(' ')} }`;

function titleLines(figure: Figure, { title }: LayoutSpec): string[] {
  const subtitle = plainLines(title?.subtitle?.text ?? '');
  return [
    text(16, 34, figureTitle(figure), { size: 18 }),
    ...subtitle.map((part, i) => text(16, 54 + 16 * i, part, { size: 12, color: '#555555' })),
  ];
}
