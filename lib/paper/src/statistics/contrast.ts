/**
 * Comparisons of accuracies image by image. Two networks that were tested on the same images differ in few of
 * them, so the difference of their accuracies is known far better than either accuracy.
 */
import { unpackBits } from 'oabn-base';
import { crossedMean, type MeanEstimate } from './crossed.js';

/** Which test images a network got right: 1 or 0 for each, in the fixed order of the test set. */
export type Rights = Uint8Array;

/** A weight and what it weighs: [1, a], [−1, b] is the difference of the accuracies of a and b. */
export type WeightedRights = readonly [weight: number, rights: Rights];

/**
 * The mean over seeds and images of Σ weight·right: the difference of two accuracies, a difference of
 * differences (of two gaps), or an accuracy against a share of another. `constant` is added to each. One list
 * of terms for each seed, whose networks stand for one another in the other lists.
 * @throws RangeError for fewer than two seeds, or networks that were tested on different numbers of images
 */
export function contrast(seeds: readonly (readonly WeightedRights[])[], constant = 0): MeanEstimate {
  return crossedMean(seeds.map((terms) => weightedSum(terms, constant)));
}

function weightedSum(terms: readonly WeightedRights[], constant: number): Float64Array {
  const images = terms[0]?.[1].length ?? 0;
  const sum = new Float64Array(images).fill(constant);
  for (const [weight, rights] of terms) {
    if (rights.length !== images)
      throw new RangeError(`contrast: networks tested on ${images} and on ${rights.length} images`);
    for (let i = 0; i < images; i++) sum[i]! += weight * rights[i]!;
  }
  return sum;
}

/** The `right` of a result, for its number of images. @throws UserError when the number of bits differs */
export function unpackRights(right: string, images: number): Rights {
  return Uint8Array.from(unpackBits(right, images), Number);
}
