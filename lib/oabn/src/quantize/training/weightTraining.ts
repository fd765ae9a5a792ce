/**
 * What a weight quantizer does during fine-tuning: how its state begins on the host, how it quantizes a
 * kernel on the engine and moves on, and what the trained kernel becomes on the host. `uniform.ts` and
 * `cluster.ts` are the paper's two kinds.
 */
import type { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import type { StateDict, Tensors } from '../../model/index.js';

/** A weight quantizer with its state during fine-tuning; one for each block. */
export interface WeightTraining {
  /** The state that belongs to a kernel [out,in,3,3], by short names such as `centroids`. */
  readonly begin: (kernel: HostTensor<Float32Array>) => StateDict;
  /** Whether the state is trained by gradients, as parameters, and does not move by itself. */
  readonly isTrained: boolean;
  /** Factor of the learning rate for a trained state. */
  readonly rate: number;
  /** The kernel [3,3,in,out] with quantized values; gradients pass as if it were not quantized. */
  readonly quantize: (kernel: tf.Tensor4D, state: Tensors) => tf.Tensor4D;
  /** An untrained state after a step with the given kernel. */
  readonly move: (kernel: tf.Tensor4D, state: Tensors) => Tensors;
  /** The quantized data of a kernel [out,in,3,3]. */
  readonly finish: (kernel: HostTensor<Float32Array>, state: StateDict) => Float32Array;
}
