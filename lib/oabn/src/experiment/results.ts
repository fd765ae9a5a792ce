/** What runs end with: small JSON, stored beside the networks that they made. */
import type { OutlierRow } from '../merge/index.js';
import type { Accuracy, EpochMetrics } from '../train/index.js';

/** FP32 accuracy on the test images, and what training made of the network. */
export interface PretrainResult extends Accuracy {
  readonly epochs: readonly EpochMetrics[];
  /** Of the merged weights, block by block. */
  readonly outliers: readonly OutlierRow[];
  /** The three-branch checkpoint, relative to the run's folder. */
  readonly network: string;
}

/** Accuracy of the quantized network on the test images, and what it takes to store. */
export interface QuantizedResult extends Accuracy {
  /** Distinct weight values, summed over the quantized layers. */
  readonly stateSize: number;
  /** Of fine-tuning alone. */
  readonly epochs?: readonly EpochMetrics[];
  /** The quantized checkpoint, relative to the run's folder. */
  readonly network: string;
}
