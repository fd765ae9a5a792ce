/**
 * Fine-tuning with quantized merged weights and quantized activations in the forward pass (paper, section 3):
 * uniform QAT, or ClusterQAT, whose centroids move while it trains (algorithm 2). The parameters are the
 * merged weights, or those of the branches, through the merge.
 *
 * The quantizers' state travels with the network's under the block's name:
 * `<block>.activation.min` and `.max`, `<block>.centroids`, `<block>.step`: in the parameters where it is
 * trained by gradients, else in the buffers.
 */
import type { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import { mergeNetwork } from '../merge/index.js';
import {
  type Architecture,
  forwardMerged,
  get,
  mapKernels,
  type MergedHooks,
  parameterShapes,
  quantizedBlocks,
  type StateDict,
  type Tensors,
  toVariables,
  type Variables,
} from '../model/index.js';
import {
  activationBitsOf,
  type ActivationOptions,
  type ActivationRange,
  type ActivationRanges,
  type ActivationTraining,
  activationTraining,
  checkScheme,
  clusterDefaults,
  type ClusterOptions,
  clusterTraining,
  type QuantizationScheme,
  type QuantizedNetwork,
  quantizerTraining,
  type UniformOptions,
  uniformTraining,
  weightBitsOf,
  type WeightQuantizer,
  type WeightTraining,
} from '../quantize/index.js';
import type { ParameterRule, ParameterRules } from './sgd.js';
import {
  gradientStep,
  initialState,
  type StepOptions,
  thresholdRules,
  type TrainState,
  type TrainStep,
} from './step.js';
import { forwardThroughMerge, type MergeStatistics } from './throughMerge.js';

/** What is trained, and how the quantizers adapt. */
export interface QuantizerOptions {
  /**
   * The parameters: the `merged` weights, as in the paper (default), or those of the `branches`, through the
   * merge.
   */
  readonly through?: 'merged' | 'branches';
  /** Which statistics of the branches' BN the merge uses; default `running`. */
  readonly statistics?: MergeStatistics;
  /** Options of `cluster` weights. */
  readonly cluster?: ClusterOptions;
  /** Options of `uniform` weights. */
  readonly uniform?: UniformOptions;
  /** Options of the activations' quantizers. */
  readonly activations?: ActivationOptions;
  /** Replaces k-means for `cluster` weights: `dkm(…)`, `apot(…)`, or your own, made by `ownQuantizer`. */
  readonly quantizer?: WeightQuantizer;
}

/** SGD's options, and the quantizers'. */
export interface FinetuneOptions extends StepOptions, QuantizerOptions {}

interface BlockQuantizers {
  readonly block: string;
  readonly weights: WeightTraining;
  /** Absent where the activation stays in FP32. */
  readonly activations?: ActivationTraining;
}

function quantizersOf(
  arch: Architecture,
  scheme: QuantizationScheme,
  options: QuantizerOptions,
): BlockQuantizers[] {
  return quantizedBlocks(arch).map(({ name }) => {
    const bits = activationBitsOf(scheme, name);
    return {
      block: name,
      weights: weightTraining(scheme, name, options),
      ...(bits !== undefined && { activations: activationTraining(bits, options.activations) }),
    };
  });
}

/** The quantizer of the weights of `block` in training. @throws UserError for options out of range */
export function weightTraining(
  scheme: QuantizationScheme,
  block: string,
  { cluster, uniform, quantizer }: QuantizerOptions = {},
): WeightTraining {
  const { weights, granularity = 'perTensor' } = scheme;
  const bits = weightBitsOf(scheme, block);
  switch (weights) {
    case 'uniform':
      return uniformTraining(bits, granularity, uniform);
    case 'cluster':
      return quantizer
        ? quantizerTraining(bits, granularity, quantizer)
        : clusterTraining(bits, granularity, cluster);
    default:
      return weights satisfies never;
  }
}

/** Which network is fine-tuned, and to which scheme. */
export interface FinetunedTo {
  /** The network. */
  readonly arch: Architecture;
  /** How it is quantized in the end. */
  readonly scheme: QuantizationScheme;
}

/** Where fine-tuning begins. */
export interface FinetuneStart extends FinetunedTo, QuantizerOptions {
  /** The merged network, or the three-branch one for training through the `branches`. */
  readonly network: StateDict;
  /** The ranges of the merged network's activations, as `calibrate` finds them. */
  readonly ranges: ActivationRanges;
}

/**
 * The state before the first step: the parameters, and quantizers initialized from calibrated ranges and the
 * merged weights. @throws UserError for an invalid scheme or invalid quantizers
 */
export function finetuneState({ network, ranges, scheme, arch, ...options }: FinetuneStart): TrainState {
  checkScheme(scheme);
  const merged = options.through === 'branches' ? mergeNetwork(arch, network) : network;
  const trained: Record<string, HostTensor<Float32Array>> = { ...network };
  const moving: Record<string, HostTensor<Float32Array>> = {};
  for (const { block, weights, activations } of quantizersOf(arch, scheme, options)) {
    const ofWeights = weights.begin(get(merged, `${block}.rbr_reparam.weight`));
    Object.assign(weights.isTrained ? trained : moving, withPrefix(block, ofWeights));
    if (activations) {
      const ofRange = Object.entries(activations.begin(ranges[block]!)).map(
        ([name, value]) => [name, { shape: [], data: Float32Array.of(value) }] as const,
      );
      Object.assign(activations.isTrained ? trained : moving, withPrefix(block, Object.fromEntries(ofRange)));
    }
  }
  const { params, buffers } = toVariables(trained);
  return initialState(params, { ...buffers, ...toVariables(moving).params });
}

/** The step with index `index`, which may or may not move the centroids. */
export function finetuneSteps({
  arch,
  scheme,
  ...options
}: FinetunedTo & FinetuneOptions): (index: number) => TrainStep {
  const { updateEvery } = { ...clusterDefaults, ...options.cluster };
  const moving = finetuneStep(arch, scheme, options, true);
  const resting = updateEvery === 1 ? moving : finetuneStep(arch, scheme, options, false);
  return (index) => (index % updateEvery === 0 ? moving : resting);
}

function finetuneStep(
  arch: Architecture,
  scheme: QuantizationScheme,
  options: FinetuneOptions,
  movesWeights: boolean,
): TrainStep {
  const quantizers = quantizersOf(arch, scheme, options);
  const quantizerOf = new Map(quantizers.map((quantizer) => [quantizer.block, quantizer]));
  const network = (params: Tensors, buffers: Tensors, images: tf.Tensor4D) => {
    const next: Record<string, tf.Tensor> = { ...buffers };
    const all = { ...params, ...buffers };
    const hooks: MergedHooks = {
      weight: (block, kernel) => {
        const { weights } = quantizerOf.get(block)!;
        const state = withoutPrefix(block, all);
        if (movesWeights && !weights.isTrained)
          Object.assign(next, withPrefix(block, weights.move(kernel, state)));
        return weights.quantize(kernel, state);
      },
      activation: (block, x) => {
        const quantized = quantizerOf.get(block)!.activations?.quantize(x, withoutPrefix(block, all));
        Object.assign(next, withPrefix(block, quantized?.next ?? {}));
        return quantized?.value ?? x;
      },
    };
    const logits = forwardOf(arch, { params, buffers }, images, hooks, options, next);
    return { logits, buffers: next };
  };
  return gradientStep({ ...options, network, rules: rulesOf(arch, quantizers) });
}

function forwardOf(
  arch: Architecture,
  variables: Variables,
  images: tf.Tensor4D,
  hooks: MergedHooks,
  { through = 'merged', statistics }: QuantizerOptions,
  next: Record<string, tf.Tensor>,
): tf.Tensor2D {
  if (through === 'merged') return forwardMerged(arch, variables.params, images, hooks);
  const { logits, buffers } = forwardThroughMerge(arch, variables, images, {
    ...hooks,
    ...(statistics && { statistics }),
  });
  Object.assign(next, buffers);
  return logits;
}

/**
 * Trained quantizers have their own learning rate and no weight decay; a learned s decays as in pretraining.
 */
function rulesOf(arch: Architecture, quantizers: readonly BlockQuantizers[]): ParameterRules {
  const rules = new Map<string, ParameterRule>();
  for (const { block, weights, activations } of quantizers) {
    for (const name of ['centroids', 'step', 'alpha']) rules.set(`${block}.${name}`, { rate: weights.rate });
    if (activations?.isTrained) rules.set(`${block}.activation.step`, {});
  }
  const ofThreshold = thresholdRules(arch);
  return (name) => rules.get(name) ?? ofThreshold(name);
}

/** A fine-tuned state, downloaded by `toStateDict`. */
export interface FinetuneEnd extends FinetunedTo, QuantizerOptions {
  /** What gradients have changed. */
  readonly params: StateDict;
  /** The quantizers, and any running statistics. */
  readonly buffers: StateDict;
}

/** The quantized network that a fine-tuned state represents, always merged. */
export function finetunedNetwork({
  arch,
  scheme,
  params,
  buffers,
  ...options
}: FinetuneEnd): QuantizedNetwork {
  const all = { ...params, ...buffers };
  const trained = options.through === 'branches' ? mergeNetwork(arch, all) : all;
  const merged = Object.fromEntries(
    Object.keys(parameterShapes(arch, 'merged')).map((name) => [name, get(trained, name)]),
  );
  const quantizers = quantizersOf(arch, scheme, options);
  const weightsOf = new Map(quantizers.map(({ block, weights }) => [block, weights]));
  const stateDict = mapKernels(arch, merged, (block, kernel) =>
    weightsOf.get(block)!.finish(kernel, withoutPrefix(block, all)),
  );
  const rangeOf = ({ block, activations }: BlockQuantizers): ActivationRange =>
    activations?.finish(withoutPrefix(block, all)) ?? { min: 0, max: 0 };
  const activations = Object.fromEntries(quantizers.map((each) => [each.block, rangeOf(each)]));
  return { arch, scheme, stateDict, activations };
}

function withPrefix<T>(block: string, state: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [`${block}.${name}`, value]));
}

/** The members of `state` that belong to `block`, by their short names. */
function withoutPrefix<T>(block: string, state: Readonly<Record<string, T>>): Record<string, T> {
  const prefix = `${block}.`;
  const own = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}
