/**
 * A figure for every viewer in one bundle; each takes the richest type that it can show:
 * - `application/vnd.plotly.v1+json`: VS Code and JupyterLab with a Plotly renderer;
 * - `text/html`: JupyterLab, classic notebook and exported pages draw it with the page's Plotly; where
 *   scripts do not run (an untrusted notebook, a code host) the same HTML is a still picture;
 * - `image/png` (`image/svg+xml` from a machine without fonts): viewers of pictures only, and paper;
 *   `text/plain`: a terminal.
 */
import { randomUUID } from 'node:crypto';
import { escapeHtml } from 'oabn-base';
import { type Figure } from './style.js';
import { figurePng, figureSvg, figureTitle } from '../picture/index.js';
import type { Bundle } from './kernel.js';

/** The bundle of a figure: all types in which it can be shown. */
export async function figureBundle(figure: Figure): Promise<Bundle> {
  const picture = await figurePicture(figure);
  const { data, layout } = roundNumbers(figure);
  const source =
    'image/png' in picture
      ? `data:image/png;base64,${picture['image/png']}`
      : `data:image/svg+xml;base64,${Buffer.from(picture['image/svg+xml']).toString('base64')}`;
  return {
    'application/vnd.plotly.v1+json': { data, layout, config },
    'text/html': figureHtml({ data, layout }, source),
    ...picture,
    'text/plain': figureText(figure),
  };
}

/** The still picture of a figure: a PNG in base64, or an SVG where there are no fonts to draw a PNG with. */
export async function figurePicture(
  figure: Figure,
): Promise<{ readonly 'image/png': string } | { readonly 'image/svg+xml': string }> {
  const pixels = await figurePng(figure);
  return pixels
    ? { 'image/png': Buffer.from(pixels).toString('base64') }
    : { 'image/svg+xml': figureSvg(figure) }; // the reader's browser has fonts
}

const config = { displaylogo: false, responsive: false };

/**
 * The figure as a block of a page: the picture at `source`, and a script that replaces it when the page has
 * Plotly.
 */
export function figureHtml(figure: Figure, source: string): string {
  const id = `oabn-${randomUUID()}`;
  const { width = 820 } = figure.layout;
  const json = [figure.data, figure.layout, config].map(scriptSafe).join(', ');
  return `<div id="${id}" style="max-width: 100%; overflow-x: auto"><img src="${source}" width="${width}" alt="${escapeHtml(figureTitle(figure))}" style="max-width: 100%"></div>
<script>(() => {
  const place = document.getElementById('${id}');
  const draw = (Plotly) => {
    const plot = document.createElement('div');
    place.append(plot);
    place.querySelector('img').style.display = 'none';
    return Plotly.newPlot(plot, ${json});
  };
  const start = () => (window.oabnPlotly ?? Promise.resolve(window.Plotly)).then(draw).catch(() => {
    place.querySelector('img').style.display = '';
  });
  if (window.oabnPlotly || window.Plotly) start();
  else window.addEventListener('oabn-plotly', start, { once: true });
})();</script>`;
}

/** What a terminal shows for a figure. */
export function figureText(figure: Figure): string {
  const names = figure.data.map(({ name }) => name).filter((name) => typeof name === 'string');
  return `[figure] ${figureTitle(figure)}${names.length > 0 ? `: ${names.join(', ')}` : ''}`;
}

/** Six significant digits are more than a screen shows, and a third of the bytes. */
function roundNumbers(figure: Figure): Figure {
  const short = (_key: string, value: unknown): unknown =>
    typeof value === 'number'
      ? Number(value.toPrecision(6))
      : ArrayBuffer.isView(value)
        ? Array.from(value as Float32Array)
        : value;
  return JSON.parse(JSON.stringify(figure, short)) as Figure;
}

/** JSON that cannot end the script element around it. */
const scriptSafe = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');
