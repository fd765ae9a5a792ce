/**
 * The accuracy of a three-branch network as it is, before any merging: its merged form must reach the same.
 */
import { tf } from 'tfjs-native';
import { canonicalJson } from 'oabn-base';
import { forward, type Network, type Tensors, toVariables } from '../model/index.js';
import { type Accuracy, evaluate } from '../train/index.js';
import { stopSignal } from './lab.js';
import type { DataConfig } from './settings.js';
import { evaluationBatch, type TestBench } from './measure.js';

interface Inputs {
  readonly params: Tensors;
  readonly buffers: Tensors;
  readonly images: tf.Tensor4D;
}

/** Accuracy with the running statistics, over the test images that `measureAccuracy` takes. */
export async function measureBranches(
  bench: TestBench,
  { arch, stateDict }: Pick<Network, 'arch' | 'stateDict'>,
  { testImages }: Pick<DataConfig, 'testImages'>,
): Promise<Accuracy> {
  const { test, compiled } = bench;
  const batchSize = evaluationBatch(test.imageShape[0]);
  const variables = toVariables(stateDict);
  const logits = ({ images: x, ...of }: Inputs): tf.Tensor2D =>
    forward(arch, of, x, { training: false }).logits;
  try {
    const images = tf.zeros<tf.Rank.R4>([batchSize, ...test.imageShape]);
    const logitsOf = await compiled
      .get(canonicalJson({ kind: 'branches', arch }), () => logits, [{ ...variables, images }])
      .finally(() => images.dispose());
    const batches = test.batches({ batchSize, limit: testImages ?? test.size });
    return await evaluate((x) => logitsOf({ ...variables, images: x }), {
      batches,
      batchSize,
      imageShape: test.imageShape,
      signal: stopSignal(bench),
    });
  } finally {
    tf.dispose(variables as unknown as tf.TensorContainer);
  }
}
