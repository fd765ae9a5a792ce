/** `oabn`: everything a notebook needs, room by room, from the bottom up. */
export * from './base/index.js';
export { tf } from './backend/index.js';
