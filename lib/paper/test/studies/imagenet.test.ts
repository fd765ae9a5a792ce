/**
 * ImageNet end to end: photographs on disk → decoded, augmented, in batches → a forward pass and a training
 * step.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { tf, useBackend } from 'tfjs-native';
import { random } from 'oabn-base';
import { type Batch, openDatasets } from 'oabn/data';
import { evaluationBatch, measureAccuracy, openTestBench } from 'oabn/experiment';
import { mergeNetwork } from 'oabn/merge';
import {
  type Architecture,
  forwardMerged,
  imagenetStrides,
  initialize,
  repvgg,
  toVariables,
} from 'oabn/model';
import { eagerly, initialState, pretrainStep } from 'oabn/train';
import { collect, inFolder } from '../../../oabn/test/data/helpers.js';
import { oabn } from '../../../oabn/test/cli/run.js';

const sample = join(process.env['OABN_DATA_DIR'] ?? '', 'imagenet-sample', 'val');
const hasSample = Boolean(process.env['OABN_DATA_DIR']) && existsSync(sample);

/** Class folders train/ and val/ of noisy photographs of several sizes, two classes. */
async function writePhotographs(root: string): Promise<void> {
  const sizes = [
    [320, 240],
    [200, 300],
    [257, 250],
  ] as const;
  for (const split of ['train', 'val']) {
    for (const wnid of ['n01440764', 'n02095889']) {
      await mkdir(join(root, split, wnid), { recursive: true });
      for (const [i, [width, height]] of sizes.entries()) {
        const stream = random(i, split, wnid);
        const data = Uint8Array.from({ length: width * height * 3 }, () => 256 * stream.uniform());
        const image = sharp(data, { raw: { width, height, channels: 3 } });
        await writeFile(join(root, split, wnid, `${i}.JPEG`), await image.jpeg().toBuffer());
      }
    }
  }
}

/** One training step on `batch`, and the logits of the merged network before it: [N, classes]. */
async function stepAndLogits(arch: Architecture, { images, labels, size }: Batch) {
  const side = Math.sqrt(images.length / size / 3);
  const stateDict = initialize(arch, 1);
  const x = tf.tensor4d(images, [size, side, side, 3]);
  const logits = forwardMerged(arch, toVariables(mergeNetwork(arch, stateDict)).params, x);
  const { params, buffers } = toVariables(stateDict);
  const step = eagerly(pretrainStep(arch, { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 }));
  const state = initialState(params, buffers);
  const input = { images: x, labels: tf.tensor1d(labels, 'int32'), learningRate: tf.scalar(0.1) };
  const { metrics, state: next } = await step(state, input);
  const kernel = 'stage1.0.rbr_dense.conv.weight';
  const moved = tf.max(tf.abs(tf.sub(next.params[kernel]!, params[kernel]!))).dataSync()[0]!;
  return { logits, loss: metrics.loss.dataSync()[0]!, moved };
}

describe('ImageNet end to end', () => {
  before(() => useBackend('wasm'));

  it('trains and evaluates at 224×224 on photographs in class folders', async function () {
    this.timeout(180_000);
    await inFolder(async (data) => {
      await writePhotographs(data);
      const arch = repvgg('A0', { width: 0.125, strides: imagenetStrides, classes: 2 });
      const { train } = await openDatasets({ name: 'imagenet', data });
      assert.deepEqual(train.imageShape, [224, 224, 3]);
      const [batch] = await collect(train.batches({ batchSize: 4, augment: true, shuffle: true }));
      const { logits, loss, moved } = await stepAndLogits(arch, batch!);
      assert.deepEqual(logits.shape, [4, 2]);
      assert.ok(loss > 0.3 && loss < 2, `a loss near ln 2, got ${loss}`);
      assert.ok(moved > 0);

      const bench = await openTestBench({ dataset: 'imagenet', data, eager: true });
      const stateDict = mergeNetwork(arch, initialize(arch, 1));
      const { accuracy, images } = await measureAccuracy(bench, {
        network: { arch, stateDict },
        testImages: null,
      });
      assert.equal(images, 6);
      assert.ok(accuracy >= 0 && accuracy <= 1);
    });
  });

  it('evaluates large images in smaller batches', () => {
    assert.deepEqual([32, 64, 128, 224, 2000].map(evaluationBatch), [200, 200, 50, 16, 1]);
  });

  const withSample = (title: string, work: () => Promise<void>): void => {
    const test = hasSample ? it : it.skip;
    test(hasSample ? title : `${title} (needs OABN_DATA_DIR with imagenet-sample)`, async function () {
      this.timeout(120_000);
      await work();
    });
  };

  withSample('runs RepVGG-A0 with ImageNet’s strides on real photographs: a forward pass and a step', () =>
    inFolder(async (data) => {
      for (const split of ['train', 'val']) await symlink(sample, join(data, split));
      const { train } = await openDatasets({ name: 'imagenet', data });
      const arch = repvgg('A0', { strides: imagenetStrides, classes: train.classes.length });
      const [batch] = await collect(
        train.batches({ batchSize: 2, augment: true, shuffle: true, limit: 2, prefetch: 0 }),
      );
      const { logits, loss, moved } = await stepAndLogits(arch, batch!);
      assert.deepEqual(logits.shape, [2, 43]);
      assert.ok(Math.abs(loss - Math.log(43)) < 1.5, `a loss near ln 43, got ${loss}`);
      assert.ok(moved > 0);
    }),
  );

  withSample('trains and evaluates from the command line', () =>
    inFolder(async (data) => {
      for (const split of ['train', 'val']) await symlink(sample, join(data, split));
      const env = { OABN_DATA_DIR: data, OABN_RUNS_DIR: join(data, 'runs') };
      const network = join(data, 'network.safetensors');
      const arch = '{"widths":[8,8,16,16,32],"depths":[1,1,1,1,1],"strides":[2,2,2,2,2]}';
      const size = ['--epochs', '1', '--batch', '4', '--images', '8', '--data', 'imagenet', '--json'];
      const trained = await oabn(['train', '--arch', arch, '-o', network, ...size], env);
      assert.equal(trained.code, 0, trained.stderr);
      const { accuracy, images } = JSON.parse(trained.stdout);
      assert.equal(images, 43);
      // Evaluating needs the test images alone, which is all that the sample has.
      const alone = { ...env, OABN_DATA_DIR: join(sample, '..') };
      const measured = await oabn(['eval', network, '--data', 'imagenet', '--json'], alone);
      assert.equal(measured.code, 0, measured.stderr);
      assert.deepEqual(JSON.parse(measured.stdout), { accuracy, images: 43 });
    }),
  );
});
