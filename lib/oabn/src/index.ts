/**
 * The method for your own networks: what you need to train a network with OABN, merge it, quantize it,
 * fine-tune it, measure it and export it. Everything else is in the rooms: `oabn/data`, `oabn/model`,
 * `oabn/merge`, `oabn/family`, `oabn/quantize`, `oabn/doctor`, `oabn/train`, `oabn/experiment`,
 * `oabn/custom`.
 *
 * @module oabn
 */

// Networks: their description, their first numbers, and their two forms, three-branch and merged
export {
  type Architecture,
  batchNormTraining,
  blocksOf,
  costOf,
  forward,
  forwardMerged,
  initialize,
  type LimitFunction,
  normalizeArchitecture,
  parseArchitecture,
  quantizedBlocks,
  repvgg,
} from './model/index.js';

// Their numbers: under PyTorch's names on the host and in files, as tensors on the engine
export {
  get,
  loadNetwork,
  type Network,
  readStateDict,
  saveNetwork,
  type StateDict,
  type Tensors,
  toStateDict,
  toVariables,
} from './model/index.js';

// Images, and their way in batches to a step
export {
  type Dataset,
  madeDataset,
  openDataset,
  openDatasets,
  pixelDataset,
  takeCalibration,
} from './data/index.js';

// Training, with OABN or without
export {
  type Accuracy,
  crossEntropy,
  evaluate,
  initialState,
  type LabelledBatch,
  learningRateAt,
  pretrainStep,
  sgdStep,
  train,
  type TrainState,
  type TrainStep,
  valueAndGradients,
} from './train/index.js';

// Merging, and what it does to the weights
export { analyzeOutliers, mergeNetwork, mergeParts, splitByClass } from './merge/index.js';

// Networks of other families
export { families, mergeRecognized, recognize } from './family/index.js';

// Quantizers, and networks whose weights and activations went through them
export {
  type ActivationRanges,
  activationQuantizer,
  allocateBits,
  calibrate,
  forwardQuantized,
  loadAnyNetwork,
  type QuantizationScheme,
  type QuantizedNetwork,
  quantizeNetwork,
  quantizeValues,
  saveQuantizedNetwork,
  sensitivities,
  stateSize,
  weightQuantizer,
} from './quantize/index.js';

// Quantization after training
export { ptqMethodNames, type PtqMethod, ptqMethods, type QuantizeWeights } from './quantize/index.js';

// Fine-tuning of quantized weights: uniform QAT and ClusterQAT
export {
  fakeQuantizeActivation,
  fakeQuantizeCluster,
  fakeQuantizeWeights,
  kmeans1d,
  ownQuantizer,
  updateCentroids,
} from './quantize/index.js';
export {
  annealingPenalty,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  mergedPenalty,
} from './train/index.js';

// Files for other programs
export { exportedSize, exportOnnx, saveOnnx } from './quantize/index.js';

// Why few bits cost a network what they cost, and what helps
export { diagnose, examine } from './doctor/index.js';

// Experiments: configurations, and the lab that runs and keeps them
export {
  annealConfig,
  estimateRuns,
  finetuneConfig,
  type Lab,
  type LabOptions,
  measureAccuracy,
  measureOnnxFile,
  openCheckpoint,
  openLab,
  pretrainConfig,
  ptqConfig,
  run,
  runAll,
  type RunConfig,
  trainedNetwork,
} from './experiment/index.js';

// Functions of your own as values of configurations
export { custom, type Custom } from './custom/index.js';
