/**
 * A Plotly figure as SVG, drawn here: no browser, no canvas, the same picture on every machine. It knows what our own
 * figures use (scatter, bar and heatmap traces; linear, log and category axes) and says on the picture what it leaves
 * out.
 */
import type { Figure } from '../figures/index.js';
import { escapeHtml } from '../html.js';
import { cartesianBody } from './cartesian.js';
import { heatmapBody } from './heatmap.js';
import { figureTitle, type LayoutSpec, plainLines, readFigure } from './spec.js';
import { element, text } from './svg.js';

/** The figure as an SVG document of the figure's own size. */
export function figureSvg(figure: Figure): string {
  const { traces, missing, layout } = readFigure(figure);
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
    element('rect', { width, height, fill: '#ffffff' }),
    ...titles(figure, layout),
    heatmap ? heatmapBody(heatmap, layout, width, height) : cartesianBody(cartesian, layout, width, height),
    missing.length > 0
      ? text(width / 2, height / 2, `Not in this still picture: ${missing.join(', ')}`, {
          anchor: 'middle',
          color: '#555555',
        })
      : '',
  );
}

function titles(figure: Figure, { title }: LayoutSpec): string[] {
  const subtitle = plainLines(title?.subtitle?.text ?? '');
  return [
    text(16, 34, figureTitle(figure), { size: 18 }),
    ...subtitle.map((part, i) => text(16, 54 + 16 * i, part, { size: 12, color: '#555555' })),
  ];
}
