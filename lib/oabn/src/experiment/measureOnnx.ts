/**
 * The accuracy of an exported file, computed by ONNX Runtime as in any other program, without code of this
 * library.
 */
import { tf } from 'tfjs-native';
import { openOnnxModel } from 'tfjs-native/onnx';
import { check } from 'oabn-base';
import { type Accuracy, evaluate } from '../train/index.js';
import { stopSignal } from './lab.js';
import { evaluationBatch, type TestBench } from './measure.js';

/**
 * Accuracy of the ONNX file at `path` over the first `limit` test images of the fixed order; `null` is all of
 * them.
 */
export async function measureOnnxFile(
  bench: Pick<TestBench, 'test' | 'signal'>,
  path: string,
  limit: number | null,
): Promise<Accuracy> {
  const { test } = bench;
  const model = await openOnnxModel(path);
  const [height, width, channels] = test.imageShape;
  const batchSize = evaluationBatch(height);
  const images = limit === null ? test.size : Math.min(limit, test.size);
  const logitsOf = async (x: tf.Tensor4D): Promise<tf.Tensor2D> => {
    const planes = tf.transpose(x, [0, 3, 1, 2]);
    const data = Float32Array.from(await planes.data());
    planes.dispose();
    const logits = await model.run(data, [batchSize, channels, height, width]);
    const classes = logits.length / batchSize;
    check(
      classes === test.classes.length,
      `${path} has ${classes} classes, ${test.name} has ${test.classes.length}; name the right data with --data`,
    );
    return tf.tensor2d(logits, [batchSize, classes]);
  };
  try {
    const batches = test.batches({ batchSize, limit: images });
    return await evaluate(logitsOf, {
      batches,
      batchSize,
      imageShape: test.imageShape,
      signal: stopSignal(bench),
    });
  } finally {
    await model.release();
  }
}
