/**
 * The reproduction, and with it everything that a notebook needs: the method, the engine, what cells show,
 * and this paper's labs, studies, figures and claims.
 *
 * @module oabn-paper
 */

// The method, the engine, and what cells show
export * from 'oabn';
export * from 'tfjs-native';
export * from 'tslab-kernel';
export { consoleProgress, type Progress, type ProgressEvent, random, UserError } from 'oabn-base';

// Rivals of ClusterQAT
export { apot, dkm } from 'oabn/quantize';

// The paper's experiments at several scales
export * from './profiles/index.js';
export * from './studies/index.js';

// The networks that ship
export * from './models/index.js';

// What they show, and what the paper claims of it
export * from './figures/index.js';
export {
  intervalOf,
  isGreater,
  isLittle,
  pairedDifference,
  pointsOf,
  seedMean,
  type StoredPoint,
} from './statistics/index.js';
export * from './claims/index.js';
export { claimsBoardHtml, claimsMarkdown, claimsText, showClaims } from './report/index.js';
