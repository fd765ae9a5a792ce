/** Results for readers: Plotly figures, still pictures of them, and tables. */
export * from './figures/index.js';
export * from './html.js';
export * from './overview.js';
export * from './picture/index.js';
export * from './table.js';
