/**
 * Fine-tuning of a merged network with quantized weights and activations in the forward pass (paper, section 3):
 * uniform QAT, or ClusterQAT, whose centroids move while it trains (algorithm 2).
 *
 * The quantizers' state travels in the buffers: `<block>.activation.min`, `<block>.activation.max` (scalars) and,
 * for ClusterQAT, `<block>.centroids` [2^b].
 */
import { tf } from '../backend/index.js';
import {
  type Architecture,
  forwardMerged,
  get,
  quantizedBlocks,
  type StateDict,
  toVariables,
} from '../model/index.js';
import {
  activationBitsOf,
  type ActivationRanges,
  type CentroidUpdate,
  checkScheme,
  fakeQuantizeActivation,
  fakeQuantizeCluster,
  fakeQuantizeWeights,
  type KmeansInit,
  layerCentroids,
  mapKernels,
  type QuantizationScheme,
  type QuantizedNetwork,
  quantizeToCentroids,
  quantizeValues,
  updateCentroids,
  weightBitsOf,
  weightQuantizer,
} from '../quantize/index.js';
import { gradientStep, initialState, type StepOptions, type TrainState, type TrainStep } from './step.js';

export interface ClusterOptions {
  /** How the centroids begin; default `quantile`. */
  readonly init?: KmeansInit;
  /** How they move; default `lloyd`. */
  readonly update?: CentroidUpdate;
  /** Steps from one move to the next; default 1. */
  readonly updateEvery?: number;
}

export interface FinetuneOptions extends StepOptions {
  readonly cluster?: ClusterOptions;
}

/** Share of a batch's range in the moving range of an activation. */
export const rangeMomentum = 0.01;

/** The state before the first step: merged weights, calibrated ranges, and the centroids of those weights. */
export function finetuneState(
  merged: StateDict,
  ranges: ActivationRanges,
  scheme: QuantizationScheme,
  arch: Architecture,
  { init = 'quantile' }: ClusterOptions = {},
): TrainState {
  checkScheme(scheme);
  const buffers: Record<string, tf.Tensor> = {};
  for (const { name } of quantizedBlocks(arch)) {
    if (activationBitsOf(scheme, name) !== undefined) {
      buffers[`${name}.activation.min`] = tf.scalar(ranges[name]!.min);
      buffers[`${name}.activation.max`] = tf.scalar(ranges[name]!.max);
    }
    if (scheme.weights === 'kmeans') {
      const weights = get(merged, `${name}.rbr_reparam.weight`).data;
      buffers[`${name}.centroids`] = tf.tensor1d(layerCentroids(weights, weightBitsOf(scheme, name), init));
    }
  }
  return initialState(toVariables(merged).params, buffers);
}

/** The step with index `index`: one that moves the centroids, or one that does not. */
export function finetuneSteps(
  arch: Architecture,
  scheme: QuantizationScheme,
  options: FinetuneOptions,
): (index: number) => TrainStep {
  const { updateEvery = 1 } = options.cluster ?? {};
  const moving = finetuneStep(arch, scheme, options, true);
  const resting = updateEvery === 1 ? moving : finetuneStep(arch, scheme, options, false);
  return (index) => (index % updateEvery === 0 ? moving : resting);
}

function finetuneStep(
  arch: Architecture,
  scheme: QuantizationScheme,
  options: FinetuneOptions,
  movesCentroids: boolean,
): TrainStep {
  return gradientStep(options, (params, buffers, images) => {
    const next: Record<string, tf.Tensor> = { ...buffers };
    const logits = forwardMerged(arch, params, images, {
      weight: (block, kernel) => {
        if (scheme.weights === 'uniform') return fakeQuantizeWeights(kernel, weightBitsOf(scheme, block));
        const name = `${block}.centroids`;
        const centroids = buffers[name] as tf.Tensor1D;
        if (movesCentroids) next[name] = updateCentroids(kernel, centroids, options.cluster?.update);
        return fakeQuantizeCluster(kernel, centroids);
      },
      activation: (block, x) => {
        const bits = activationBitsOf(scheme, block);
        if (bits === undefined) return x;
        const [min, max] = [`${block}.activation.min`, `${block}.activation.max`];
        const low = moveTowards(buffers[min]!, tf.min(x));
        const high = moveTowards(buffers[max]!, tf.max(x));
        Object.assign(next, { [min]: low, [max]: high });
        return fakeQuantizeActivation(x, low, high, bits);
      },
    });
    return { logits, buffers: next };
  });
}

function moveTowards(range: tf.Tensor, seen: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(range, 1 - rangeMomentum), tf.mul(seen, rangeMomentum));
}

/** The quantized network that a fine-tuned state stands for. `params` and `buffers` are downloaded state dicts. */
export function finetunedNetwork(
  arch: Architecture,
  scheme: QuantizationScheme,
  params: StateDict,
  buffers: StateDict,
): QuantizedNetwork {
  const stateDict = mapKernels(arch, params, (block, { data }) =>
    scheme.weights === 'uniform'
      ? quantizeValues(weightQuantizer(data, weightBitsOf(scheme, block)), data)
      : quantizeToCentroids(data, get(buffers, `${block}.centroids`).data),
  );
  const range = (block: string, end: 'min' | 'max'): number =>
    buffers[`${block}.activation.${end}`]?.data[0] ?? 0;
  const activations = Object.fromEntries(
    quantizedBlocks(arch).map(({ name }) => [name, { min: range(name, 'min'), max: range(name, 'max') }]),
  );
  return { arch, scheme, stateDict, activations };
}
