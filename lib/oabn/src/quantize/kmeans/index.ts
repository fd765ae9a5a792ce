/** 1-D k-means on host arrays: the quantization points of ClusterQAT. */
export { kmeans1d, type KmeansInit, kmeansInits, type KmeansOptions } from './kmeans.js';
export { type Clustering, type DescendOptions, lloydStep, type LloydStep, nearestTo } from './lloyd.js';
export { type OptimalClustering, optimalKmeans1d, type OptimalOptions } from './optimal.js';
export { type Data, type SortedSample, sortedSample } from './segments.js';
export { assign, type Centroids, midpoints, quantizeToCentroids } from './thresholds.js';
