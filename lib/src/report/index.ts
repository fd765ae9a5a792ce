/** Results for readers: Plotly figures, still pictures of them, and tables. */
export * from './claims.js';
export * from './figures/index.js';
export * from './html.js';
export * from './picture/index.js';
export * from './rows.js';
export * from './runs.js';
export * from './table.js';
