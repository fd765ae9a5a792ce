import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import {
  type Architecture,
  initialize,
  normalizeArchitecture,
  type Tensors,
  toVariables,
} from '../../src/model/index.js';
import {
  checkOptimizer,
  crossEntropy,
  gradientFactors,
  initialState,
  pretrainStep,
  repOptimizerStart,
  sgdStep,
  type TrainState,
  valueAndGradients,
  zeroMomentum,
} from '../../src/train/index.js';

const branched: Architecture = normalizeArchitecture({
  widths: [4, 4],
  depths: [1, 3],
  strides: [1, 1],
  classes: 2,
});
const arch = normalizeArchitecture({ ...branched, branches: ['3x3'] });
const options = { momentum: 0.9, weightDecay: 0, labelSmoothing: 0 };
/** s3 = s1 of the four blocks: the stem, and the blocks of the second stage. */
const scales: Readonly<Record<string, number>> = {
  stage0: 1,
  'stage1.0': 1,
  'stage1.1': Math.sqrt(2),
  'stage1.2': 1,
};
const hasIdentity = (block: string): boolean => block !== 'stage0';

/** The imaginary blocks as the article draws them: parameters of three branches, constant scales, one BN. */
function imaginaryNetwork(): { params: Tensors; logits: (params: Tensors, x: tf.Tensor4D) => tf.Tensor2D } {
  const { params: drawn } = toVariables(initialize(branched, 7));
  const { params: plain } = toVariables(initialize(arch, 7));
  const params: Record<string, tf.Tensor> = { ...plain };
  for (const block of Object.keys(scales)) {
    params[`${block}.rbr_dense.conv.weight`] = drawn[`${block}.rbr_dense.conv.weight`]!;
    params[`${block}.pointwise`] = drawn[`${block}.rbr_1x1.conv.weight`]!;
    if (hasIdentity(block)) params[`${block}.diagonal`] = tf.ones([4]);
  }
  const logits = (p: Tensors, images: tf.Tensor4D): tf.Tensor2D => {
    let x = images;
    for (const [block, s] of Object.entries(scales)) {
      const conv = (name: string): tf.Tensor4D =>
        tf.mul(tf.conv2d(x, p[`${block}.${name}`] as tf.Tensor4D, 1, 'same'), s);
      let sum = tf.add(conv('rbr_dense.conv.weight'), conv('pointwise'));
      if (hasIdentity(block)) sum = tf.add(sum, tf.mul(x, p[`${block}.diagonal`]!));
      const mean = tf.mean(sum, [0, 1, 2]);
      const variance = tf.mean(tf.square(tf.sub(sum, mean)), [0, 1, 2]);
      const normal = tf.mul(tf.sub(sum, mean), tf.rsqrt(tf.add(variance, 1e-5)));
      const [gamma, beta] = ['weight', 'bias'].map((name) => p[`${block}.rbr_dense.bn.${name}`]!);
      x = tf.relu(tf.add(tf.mul(normal, gamma!), beta!));
    }
    const pooled = tf.mean<tf.Tensor2D>(x, [1, 2]);
    return tf.add(tf.matMul(pooled, p['linear.weight'] as tf.Tensor2D), p['linear.bias']!);
  };
  return { params, logits };
}

/** The kernel that an imaginary block of these parameters merges to. */
function mergedKernel(params: Tensors, block: string): tf.Tensor {
  const s = scales[block]!;
  const dense = params[`${block}.rbr_dense.conv.weight`]!;
  const around: [number, number][] = [[1, 1], [1, 1], [0, 0], [0, 0]]; // prettier-ignore
  const centre = tf.mul(params[`${block}.pointwise`]!, s);
  const diagonal = hasIdentity(block)
    ? tf.reshape(tf.mul(tf.eye(4), params[`${block}.diagonal`]!), [1, 1, 4, 4])
    : tf.zerosLike(centre);
  return tf.add(tf.mul(dense, s), tf.pad(tf.add(centre, diagonal), around));
}

describe('RepOptimizer', () => {
  it('trains one convolution as SGD trains the imaginary three branches', () => {
    const images = tf.randomNormal<tf.Rank.R4>([6, 8, 8, 3], 0, 1, 'float32', 3);
    const labels = tf.tensor1d([0, 1, 0, 1, 1, 0], 'int32');
    const learningRate = tf.scalar(0.05);
    const { params: started, buffers } = toVariables(repOptimizerStart(arch, 7));
    let state: TrainState = initialState(started, buffers);
    let { params } = imaginaryNetwork();
    const { logits } = imaginaryNetwork();
    let momentum = zeroMomentum(params);
    const step = pretrainStep(arch, { ...options, optimizer: 'repOptimizer' });
    for (let i = 0; i < 4; i++) {
      state = step(state, { images, labels, learningRate }).state;
      const { gradients } = valueAndGradients(params, (p) => ({
        value: crossEntropy(logits(p, images), labels, 0),
        extra: {},
      }));
      ({ params, momentum } = sgdStep({ params, gradients, momentum, learningRate }, options));
    }
    for (const block of Object.keys(scales)) {
      const [ours, theirs] = [state.params[`${block}.rbr_dense.conv.weight`]!, mergedKernel(params, block)];
      const moved = tf.max(tf.abs(tf.sub(ours, started[`${block}.rbr_dense.conv.weight`]!))).dataSync()[0]!;
      const apart = tf.max(tf.abs(tf.sub(ours, theirs))).dataSync()[0]!;
      assert.ok(moved > 1e-2, `${block} moved by ${moved}`);
      assert.ok(apart < 1e-5, `${block}: ${apart}`);
    }
  });

  it('multiplies gradients by s3², by 2·s3² at the centre, and by 1 more on the diagonal', () => {
    const { shape, data } = gradientFactors(arch)['stage1.1.rbr_dense.conv.weight']!;
    const factors = tf.tensor(data, [...shape]).arraySync() as number[][][][];
    assert.deepEqual(shape, [3, 3, 4, 4]);
    assert.deepEqual([factors[0]![2]![1]![1], factors[1]![1]![0]![3], factors[1]![1]![2]![2]], [2, 4, 5]);
    const stem = gradientFactors(arch)['stage0.rbr_dense.conv.weight']!;
    assert.deepEqual([...new Set(stem.data)], [1, 2], 'no identity');
  });

  it('refuses networks with more than one branch, and names it does not know', () => {
    assert.throws(() => checkOptimizer('repOptimizer', branched), /set arch\.branches to \["3x3"\]/);
    assert.throws(() => checkOptimizer('adam' as 'sgd', arch), /one of sgd, repOptimizer, got "adam"/);
    checkOptimizer('sgd', branched);
  });
});
