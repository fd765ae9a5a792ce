/**
 * Results for readers: the claims board, tables, and the report page around all that a reproduction made.
 *
 * @module oabn-paper/report
 */
export * from './claims.js';
export * from './crate.js';
export * from './page.js';
export * from './readme.js';
export * from './results.js';
export * from './runs.js';
export * from './story.js';
export { showClaims } from './showClaims.js';
