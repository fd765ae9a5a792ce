/** What a cell shows below itself: figures, tables, progress. */
export { figureBundle, figureHtml, figureText } from './figure.js';
export type { Bundle, Publish } from './kernel.js';
export { isPlotlyBundle, plotlyMark, plotlyScript } from './plotly.js';
export { notebookProgress, type NotebookProgressOptions, progressMark } from './progress.js';
export { show, showClaims, showTable } from './show.js';
