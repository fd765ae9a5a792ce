/** The methods of post-training quantization by name, one per file (paper, table 3). */
import { check } from 'oabn-base';
import type { Custom } from '../../custom/index.js';
import { checkFinite } from '../../model/index.js';
import { blocksToQuantize, checkRanges } from '../calibrate.js';
import { aciq } from './aciq.js';
import { adaRound } from './adaRound.js';
import { brecq } from './brecq.js';
import { cfws } from './cfws.js';
import { dfq } from './dfq.js';
import { fullRange } from './fullRange.js';
import { kl } from './kl.js';
import type { PtqMethod } from './method.js';
import { minMax } from './minMax.js';
import { mse } from './mse.js';
import { ownMethod, type QuantizeWeights } from './own.js';
import { percentile } from './percentile.js';
import { qdrop } from './qdrop.js';
import { repApq } from './repApq.js';

export { aciqMethod, type AciqOptions } from './aciq.js';
export { clusterPtqMethods } from './checkUniform.js';
export { splitWeights, type SplitWeights } from './cfws.js';
export { equalize, type Equalized } from './equalize.js';
export { fullRangeWeights } from './fullRange.js';
export { type ActivationHistogram } from './histogram.js';
export type { PtqMethod, PtqProblem } from './method.js';
export { type Observed, observeHistograms } from './observe.js';
export { ownMethod, type QuantizeWeights } from './own.js';
export { percentileMethod, type PercentileOptions } from './percentile.js';

/** A method that refuses networks that are not finite, and never returns one. */
function checked(method: PtqMethod): PtqMethod {
  return {
    ...method,
    async quantize(problem) {
      blocksToQuantize(problem.arch);
      checkFinite(problem.merged, 'The network to quantize', 'it is broken');
      const network = await method.quantize(problem);
      checkRanges(network.activations);
      checkFinite(network.stateDict, `Quantized by ${method.title}`, 'the method fails on this network');
      return network;
    },
  };
}

/** The methods of quantization after training, by name. Each names its paper as `source`. */
export const ptqMethods = {
  minMax: checked(minMax),
  fullRange: checked(fullRange),
  percentile: checked(percentile),
  mse: checked(mse),
  kl: checked(kl),
  aciq: checked(aciq),
  dfq: checked(dfq),
  adaRound: checked(adaRound),
  brecq: checked(brecq),
  qdrop: checked(qdrop),
  cfws: checked(cfws),
  repApq: checked(repApq),
} as const satisfies Record<string, PtqMethod>;

/** The methods that take `iterations`. */
export const learningMethods: ReadonlySet<string> = new Set(['adaRound', 'brecq', 'qdrop', 'repApq']);

/** The name of a method in `ptqMethods`. */
export type PtqMethodName = keyof typeof ptqMethods;
/** The names in `ptqMethods`, in the order of the tables. */
export const ptqMethodNames = Object.keys(ptqMethods) as PtqMethodName[];

/** A method by its name, or one of your own. @throws UserError for an unknown one, listing the known ones */
export function ptqMethodOf(method: PtqMethodName | Custom<QuantizeWeights> = 'minMax'): PtqMethod {
  if (typeof method === 'object') return checked(ownMethod(method));
  ptqMethodTitle(method);
  return ptqMethods[method];
}

/** A method's name in tables. @throws UserError for an unknown one, listing the known ones. */
export function ptqMethodTitle(name: string = 'minMax'): string {
  const method = Object.hasOwn(ptqMethods, name) ? ptqMethods[name as PtqMethodName] : undefined;
  check(method, () => `Unknown PTQ method «${name}»; expected one of ${ptqMethodNames.join(', ')}`);
  return method.title;
}
