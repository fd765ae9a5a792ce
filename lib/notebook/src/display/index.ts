/**
 * What a cell shows below itself: figures, tables, progress.
 *
 * @module tslab-kernel/display
 */
export { escapeHtml } from 'oabn-base';
export { figureBundle, figureHtml, figureText } from './figure.js';
export { type Bundle, currentCell, type DisplayOptions, type Publish } from './kernel.js';
export { isPlotlyBundle, plotlyMark, plotlyScript, plotlySource } from './plotly.js';
export { notebookProgress, type NotebookProgressOptions, progressMark } from './progress.js';
export { show, showTable } from './show.js';
export { slider, type SliderOptions, type SliderState } from './slider.js';
export {
  type Bars,
  type Drawn,
  type HistogramState,
  sliderHistogram,
  type SliderHistogramOptions,
} from './sliderHistogram.js';
export * from './style.js';
export { sortableTable, sortAllTables, tableHtml, type TableHead } from './table.js';
export { widget, type Widget, widgetMime, type WidgetOptions } from './widget.js';
