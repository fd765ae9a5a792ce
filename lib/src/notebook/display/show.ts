/** `show`, `showTable` and `showClaims`: what a cell calls to show a figure, a table or the claims board below itself. */
import type { Claim } from '../../experiment/index.js';
import {
  claimsBoardHtml,
  claimsMarkdown,
  claimsText,
  type DataFrameLike,
  type Figure,
  type Row,
  tableHtml,
  tableText,
} from '../../report/index.js';
import { figureBundle, figureText } from './figure.js';
import { currentCell } from './kernel.js';
import { pace } from './pace.js';
import { plotlyScript } from './plotly.js';

let plotlyShown = false;
const room = pace();

/** Shows a figure below the running cell; outside a notebook it prints the title and what the figure holds. */
export async function show(figure: Figure): Promise<void> {
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

/** The size at which a viewer shows the picture, whose pixels are finer. */
function pictureSize({ layout }: Figure): { width: unknown; height: unknown } {
  const { width = 820, height = 460 } = layout;
  return { width, height };
}

/** Shows rows, or a danfo DataFrame, as a table that sorts by a click on a column's head; outside a notebook as text. */
export async function showTable(rows: readonly Row[] | DataFrameLike): Promise<void> {
  const publish = currentCell();
  if (publish) publish({ 'text/html': tableHtml(rows), 'text/plain': tableText(rows) });
  else console.log(tableText(rows));
}

/** Shows claims as a board, a card for each, with buttons that choose a verdict; outside a notebook as text. */
export async function showClaims(claims: readonly Claim[]): Promise<void> {
  const publish = currentCell();
  if (!publish) {
    console.log(claimsText(claims));
    return;
  }
  publish({
    'text/html': claimsBoardHtml(claims),
    'text/markdown': claimsMarkdown(claims),
    'text/plain': claimsText(claims),
  });
}
