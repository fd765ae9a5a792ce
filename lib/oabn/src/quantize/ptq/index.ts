/** The methods of post-training quantization by name, one a file (paper, table 3). */
import { check } from 'oabn-base';
import { aciq } from './aciq.js';
import { adaRound } from './adaRound.js';
import { brecq } from './brecq.js';
import { cfws } from './cfws.js';
import { dfq } from './dfq.js';
import { kl } from './kl.js';
import type { PtqMethod } from './method.js';
import { minMax } from './minMax.js';
import { mse } from './mse.js';
import { percentile } from './percentile.js';
import { qdrop } from './qdrop.js';
import { repApq } from './repApq.js';

export { aciqMethod, type AciqOptions } from './aciq.js';
export { type ActivationHistogram } from './histogram.js';
export type { CalibrationImages, PtqMethod, PtqProblem } from './method.js';
export { observeHistograms } from './observe.js';
export { percentileMethod, type PercentileOptions } from './percentile.js';

export const ptqMethods = {
  minMax,
  percentile,
  mse,
  kl,
  aciq,
  dfq,
  adaRound,
  brecq,
  qdrop,
  cfws,
  repApq,
} as const satisfies Record<string, PtqMethod>;

/** Those that take `iterations`. */
export const learningMethods: ReadonlySet<string> = new Set(['adaRound', 'brecq', 'qdrop', 'repApq']);

export type PtqMethodName = keyof typeof ptqMethods;
export const ptqMethodNames = Object.keys(ptqMethods) as PtqMethodName[];

/** A method's name in tables. @throws UserError for an unknown one, with the known ones. */
export function ptqMethodTitle(name: string = 'minMax'): string {
  const method = (ptqMethods as Record<string, PtqMethod>)[name];
  check(method, () => `Unknown PTQ method «${name}»; known are ${ptqMethodNames.join(', ')}`);
  return method.title;
}
