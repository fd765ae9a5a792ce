/** What the kinds of run that quantize a merged network end with. */
import { join } from 'node:path';
import { type QuantizedNetwork, saveQuantizedNetwork, storedStates } from '../../quantize/index.js';
import type { Accuracy, EpochMetrics } from '../../train/index.js';
import { measureAccuracy } from '../measure.js';
import type { DataConfig } from '../settings.js';
import type { Work } from './kind.js';

/** Accuracy of the quantized network, and what it takes to store: small JSON, stored next to the network. */
export interface QuantizedResult extends Accuracy {
  /** Distinct weight values, summed over the quantized layers. */
  readonly stateSize: number;
  /** Only for fine-tuning. */
  readonly epochs?: readonly EpochMetrics[];
  /** The quantized checkpoint, relative to the run's folder. */
  readonly network: string;
}

const networkFile = 'network.safetensors';

/** Keeps a quantized network in the run's folder, and measures it. */
export async function finish(
  network: QuantizedNetwork,
  data: DataConfig,
  { lab, context }: Pick<Work<unknown>, 'lab' | 'context'>,
): Promise<QuantizedResult> {
  const { arch, stateDict, scheme, activations } = network;
  await saveQuantizedNetwork(join(context.folder, networkFile), network);
  const quantization = { scheme, activations };
  const accuracy = await measureAccuracy(lab, { network: { arch, stateDict, quantization }, ...data });
  return { ...accuracy, stateSize: storedStates(network), network: networkFile };
}
