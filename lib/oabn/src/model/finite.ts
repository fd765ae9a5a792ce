/**
 * NaN and infinity are refused where they arise: once in the weights they spread to every logit, and the
 * largest of logits that are all NaN is class 0, so that a broken network looks like one that guesses.
 */
import { check, sizeOf } from 'oabn-base';
import type { StateDict } from './stateDict.js';

/**
 * Checks every element of every tensor.
 * @param what the subject of the message, such as «The merged network»
 * @throws UserError naming the first tensor and element that is not finite, and `advice`
 */
export function checkFinite(stateDict: StateDict, what: string, advice: string): void {
  for (const [name, { shape, data }] of Object.entries(stateDict)) {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    check(
      bad < 0,
      () => `${what}: ${name} has ${data[bad]} at element ${bad} of ${sizeOf(shape)}; ${advice}`,
    );
  }
}
