import assert from 'node:assert/strict';
import { tf } from '../../src/engines/index.js';
import { lowerGraph } from '../../src/onnx/lowerGraph.js';
import type { OnnxGraph } from '../../src/onnx/proto.js';
import { optimize, trace } from '../../src/trace/index.js';
import { checkStep, sample } from './support.js';

type Statistic = (y: tf.Tensor4D, z: tf.Tensor4D, v: tf.Tensor1D) => tf.Tensor | tf.Tensor[];

const axes = [0, 1, 2];

/** Each says how many whole activations are multiplied element by element. */
const statistics: Record<string, readonly [products: number, of: Statistic]> = {
  'mean of a product': [0, (y, z) => tf.mean(tf.mul(y, z), axes)],
  'sum of a product': [0, (y, z) => tf.sum(tf.mul(y, z), axes)],
  'mean of a square': [0, (y) => tf.mean(tf.square(y), axes)],
  'sum of a square about the mean': [0, (y) => tf.sum(tf.squaredDifference(y, tf.mean(y, axes)), axes)],
  'mean of a scaled product and more': [
    0,
    (y, z, v) => tf.mean(tf.add(tf.mul(tf.mul(y, z), v), tf.sub(z, 3)), axes),
  ],
  'sum of a sum of products': [0, (y, z) => tf.sum(tf.add(tf.mul(y, z), tf.square(z)), axes)],
  'a product that is wanted, too': [
    1,
    (y, z) => {
      const product = tf.mul(y, z);
      return [tf.mean(product, axes), product];
    },
  ],
};

function steps(of: Statistic) {
  return (x: tf.Tensor4D, w: tf.Tensor4D, v: tf.Tensor1D) => {
    const y = tf.conv2d(x, w, 1, 1);
    return of(y, tf.relu(y), v);
  };
}

/** Products of two activations of this many elements. */
function products({ nodes }: OnnxGraph): number {
  const made = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node.op] as const)));
  const isActivation = (name: string): boolean => ['Conv', 'Relu'].includes(made.get(name) ?? '');
  return nodes.filter(({ op, inputs }) => op === 'Mul' && inputs.every(isActivation)).length;
}

describe('compile: statistics of products', () => {
  before(() => tf.setBackend('cpu'));

  for (const channels of [16, 12]) {
    const arguments_ = [
      sample([3, 6, 5, 4], 1),
      sample([3, 3, 4, channels], 2),
      sample([channels], 3),
    ] as const;
    for (const [name, [expected, of]] of Object.entries(statistics)) {
      const step = steps(of) as (...tensors: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
      it(`${name}, ${channels} channels: ${expected === 0 ? 'without' : 'with'} the product`, async () => {
        const graph = lowerGraph(optimize(trace(step, [...arguments_]).graph), 8);
        assert.equal(products(graph), expected);
        await checkStep(step, [...arguments_]);
      });
    }
  }

  it('gives results their own names, and copies only those that have none', () => {
    const step = (x: tf.Tensor): tf.Tensor[] => {
      const y = tf.add(x, 1);
      return [y, y, x, tf.mul(y, 2)];
    };
    const { nodes, outputs } = lowerGraph(optimize(trace(step, [sample([4], 1)]).graph), 8);
    assert.equal(new Set(outputs.map(({ name }) => name)).size, 4);
    assert.equal(nodes.filter(({ op }) => op === 'Identity').length, 2);
  });
});
