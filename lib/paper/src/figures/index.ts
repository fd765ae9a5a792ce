/**
 * Figures as Plotly JSON in one house style: generic builders, and the paper's figures on top of them.
 *
 * @module oabn-paper/figures
 */
export * from './bars.js';
export * from './dots.js';
export * from './frame.js';
export * from './heatmap.js';
export * from './histogram.js';
export * from './law.js';
export * from './lines.js';
export * from './mechanism.js';
export * from './paper.js';
export * from './story.js';
export * from './studies.js';
