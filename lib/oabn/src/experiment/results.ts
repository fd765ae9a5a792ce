/** What runs end with: small JSON, stored beside the networks that they made. */
import type { OutlierRow } from '../merge/index.js';
import type { EpochMetrics } from '../train/index.js';

export interface PretrainResult {
  /** FP32 accuracy on the test images, in [0, 1]. */
  readonly accuracy: number;
  readonly images: number;
  readonly epochs: readonly EpochMetrics[];
  /** Of the merged weights, block by block. */
  readonly outliers: readonly OutlierRow[];
  /** The three-branch checkpoint, relative to the run's folder. */
  readonly network: string;
}

export interface QuantizedResult {
  readonly accuracy: number;
  readonly images: number;
  /** Distinct weight values, summed over the quantized layers. */
  readonly stateSize: number;
  /** Of fine-tuning alone. */
  readonly epochs?: readonly EpochMetrics[];
  /** The quantized checkpoint, relative to the run's folder. */
  readonly network: string;
}
