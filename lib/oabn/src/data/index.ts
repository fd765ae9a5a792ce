/**
 * Images for training and testing: CIFAR-10, ImageNet, a made set; opened, checked, augmented, in batches.
 *
 * @module oabn/data
 */
export { denormalize, pixelDataset } from './batches.js';
export { cacheFolder } from './cache.js';
export { cifar10Classes, cifar10Source, type Cifar10Source } from './cifar10.js';
export type {
  Augmentation,
  AugmentOptions,
  Batch,
  BatchOptions,
  Dataset,
  DatasetHead,
  Provenance,
  Split,
} from './dataset.js';
export { cifarStatistics, imagenetStatistics } from './dataset.js';
export { describeData, type DataDescription, type SplitDescription } from './describe.js';
export { DownloadError, downloadFile, type DownloadOptions } from './download.js';
export { madeClasses, madeDataset, madeDifficulty, type MadeOptions } from './made.js';
export {
  datasetFiles,
  type DatasetFiles,
  datasetNames,
  openDataset,
  openDatasets,
  type DatasetName,
  type OpenOptions,
} from './open.js';
export { datasetTitle } from './title.js';
export { balancedSubset, batchCount, epochOrder, takeCalibration } from './order.js';
