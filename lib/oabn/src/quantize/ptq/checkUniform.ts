/** The check of methods that choose scales: they have no form for the centroids of k-means. */
import { check } from 'oabn-base';
import { checkScheme, type QuantizationScheme } from '../scheme.js';

/** The methods that take the centroids of k-means in the place of uniform levels; the others choose scales. */
export const clusterPtqMethods = ['minMax', 'percentile', 'kl', 'dfq'] as const;

/** @throws UserError for a scheme that is out of range, or whose weights are not uniform. */
export function checkUniform(method: string, scheme: QuantizationScheme): void {
  checkScheme(scheme);
  check(
    scheme.weights === 'uniform',
    `The PTQ method ${method} quantizes uniformly; for ${scheme.weights} weights take ${clusterPtqMethods.join(', ')}`,
  );
}
