/** 1-D k-means on host arrays: the quantization points of ClusterQAT. */
export type { Clustering, DescendOptions } from './descend.js';
export { type KmeansInit, kmeansInits } from './init.js';
export { kmeans1d, type KmeansOptions } from './kmeans.js';
export { lloydStep, type LloydStep, nearestTo } from './lloyd.js';
export { type OptimalClustering, optimalKmeans1d, type OptimalOptions } from './optimal.js';
export type { Data } from './segments.js';
export { type SortedSample, sortedSample } from './sample.js';
export { assign, type Centroids, midpoints, quantizeToCentroids } from './thresholds.js';
