import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeNetwork } from '../../../src/merge/index.js';
import { blocksOf, initialize, normalizeArchitecture, toVariables } from '../../../src/model/index.js';
import { layerTensors, runLayer } from '../../../src/quantize/ptq/reconstruct/activations.js';
import { importanceOf, squaredGradients } from '../../../src/quantize/ptq/reconstruct/fisher.js';
import { unitName, unitsOf } from '../../../src/quantize/ptq/reconstruct/units.js';
import { assertClose } from '../../golden/index.js';

const arch = normalizeArchitecture({ widths: [4, 4, 6], depths: [1, 3, 1], strides: [1, 1, 2], classes: 3 });
const [stem, ...blocks] = blocksOf(arch);
const { params } = toVariables(mergeNetwork(arch, initialize(arch, 2)));
const stream = random(1, 'images');
const images = tf.tensor4d(
  Float32Array.from({ length: 2 * 6 * 6 * 3 }, () => 3 * stream.normal()),
  [2, 6, 6, 3],
);

/** The network from the output of block `from` (the stem's is 0) on, in double precision where it ends. */
function lossAt(features: tf.Tensor4D, from: number, labels: readonly number[]): number {
  const last = blocks
    .slice(from)
    .reduce((x, block) => runLayer(x, layerTensors(params, block), block.stride), features);
  return logitsOf(last).reduce((sum, row, i) => {
    const highest = Math.max(...row);
    const total = row.reduce((all, value) => all + Math.exp(value - highest), 0);
    return sum + highest + Math.log(total) - row[labels[i]!]!;
  }, 0);
}

function logitsOf(features: tf.Tensor4D): number[][] {
  const pooled = tf.mean(features, [1, 2]) as tf.Tensor2D;
  const logits = tf.add(tf.matMul(pooled, params['linear.weight'] as tf.Tensor2D), params['linear.bias']!);
  return logits.arraySync() as number[][];
}

function featuresAfter(count: number): tf.Tensor4D {
  return [stem!, ...blocks.slice(0, count)].reduce(
    (x, block) => runLayer(x, layerTensors(params, block), block.stride),
    images,
  );
}

describe('quantize/ptq: Fisher information', () => {
  it('cuts stages into units, with what follows in the stage', () => {
    const units = unitsOf(arch, 2);
    assert.deepEqual(units.map(unitName), ['stage1.0–stage1.1', 'stage1.2', 'stage2.0']);
    assert.deepEqual(
      units.map(({ rest }) => rest.map(({ name }) => name)),
      [['stage1.2'], [], []],
    );
  });

  it('is the squared gradient of the loss for a label drawn from the prediction', () => {
    const probabilities = tf
      .softmax(tf.tensor2d(logitsOf(featuresAfter(blocks.length))))
      .arraySync() as number[][];
    // Draws in the middle of the probabilities of classes 2 and 0.
    const labels = [2, 0];
    const draws = labels.map((label, i) => {
      const row = probabilities[i]!;
      return row.slice(0, label).reduce((sum, p) => sum + p, 0) + row[label]! / 2;
    });
    const units = unitsOf(arch, 2);
    const [first, , last] = squaredGradients(stem!, units, params, images, tf.tensor1d(draws));

    // At the end of the network: (p − y)·W / places.
    const weights = params['linear.weight']!.arraySync() as number[][];
    const expected = labels.flatMap((label, i) =>
      Array.from({ length: 9 }, () =>
        weights.map((row) => {
          const slope = row.reduce(
            (sum, w, k) => sum + w * (probabilities[i]![k]! - (k === label ? 1 : 0)),
            0,
          );
          return (slope / 9) ** 2;
        }),
      ).flat(),
    );
    assertClose(last!.dataSync(), expected, 1e-6, 'last unit');

    // Behind the first unit: by central differences.
    const features = featuresAfter(2);
    const values = features.dataSync();
    const squared = first!.dataSync();
    const places = [...squared.keys()].sort((a, b) => squared[b]! - squared[a]!).slice(0, 8);
    for (const i of places) {
      const at = (offset: number): number => {
        const moved = Float32Array.from(values);
        moved[i]! += offset;
        return lossAt(tf.tensor4d(moved, features.shape), 2, labels);
      };
      const slope = (at(0.02) - at(-0.02)) / 0.04;
      assert.ok(
        Math.abs(slope ** 2 / squared[i]! - 1) < 0.05,
        `element ${i}: ${slope ** 2} and ${squared[i]}`,
      );
    }
  });

  it('becomes weights of mean 1, none of them 0', () => {
    const weights = importanceOf(Float32Array.of(0, 1, 3, 0));
    assert.deepEqual([...weights], [0.5, 1, 2, 0.5]);
    assert.deepEqual([...importanceOf(new Float32Array(2))], [1, 1]);
  });
});
