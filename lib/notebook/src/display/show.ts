/** `show` and `showTable`: what a cell calls to show a figure or a table below itself. */
import { type DataFrameLike, type Row, tableText } from 'oabn-base';
import { tableHtml } from './table.js';
import { type Figure } from './style.js';
import { figureBundle, figureText } from './figure.js';
import { currentCell, shownApart } from './kernel.js';
import { pace } from './pace.js';
import { plotlyScript } from './plotly.js';

let plotlyShown = false;
const room = pace();

/**
 * Shows a figure below the running cell; outside a notebook it prints the title and what the figure holds.
 */
export function show(figure: Figure): Promise<void> {
  return shownApart(showFigure(figure));
}

async function showFigure(figure: Figure): Promise<void> {
  const publish = currentCell();
  if (!publish) {
    console.log(`${figureText(figure)} (drawn when run in a notebook)`);
    return;
  }
  const bundle = await figureBundle(figure);
  if (!plotlyShown) {
    plotlyShown = true;
    await room(plotlyScript().length);
    publish({ 'text/html': plotlyScript(), 'text/plain': '[Plotly, once per page]' });
  }
  await room(JSON.stringify(bundle).length);
  publish(bundle, { metadata: { 'image/png': pictureSize(figure) } });
}

/** The size at which a viewer shows the picture, which has more pixels than that. */
function pictureSize({ layout }: Figure): { width: unknown; height: unknown } {
  const { width = 820, height = 460 } = layout;
  return { width, height };
}

/**
 * Shows rows, or a danfo DataFrame, as a table that is sorted by a click on a column's heading; outside a
 * notebook as text.
 */
export function showTable(rows: readonly Row[] | DataFrameLike): Promise<void> {
  return shownApart(showRows(rows));
}

async function showRows(rows: readonly Row[] | DataFrameLike): Promise<void> {
  const publish = currentCell();
  if (publish) publish({ 'text/html': tableHtml(rows), 'text/plain': tableText(rows) });
  else console.log(tableText(rows));
}
