import assert from 'node:assert/strict';
import { compile, tf } from 'tfjs-native';
import { fakeQuantizeActivation } from '../../src/quantize/index.js';
import { assertClose, sample } from '../../../tensor/test/compile/support.js';

type Step = (x: tf.Tensor4D, w: tf.Tensor4D, low: tf.Scalar, high: tf.Scalar) => tf.Tensor[];

/**
 * Values and gradients of a convolution of the fake-quantized result of another, with or without ReLU
 * between.
 */
function layers(bits: number, relu: boolean): Step {
  return (x, w, low, high) => {
    const loss = (...[input, kernel]: tf.Tensor[]): tf.Tensor => {
      const y = tf.conv2d(input as tf.Tensor4D, kernel as tf.Tensor4D, 1, 1);
      const quantized = fakeQuantizeActivation(relu ? tf.relu(y) : y, low, high, bits);
      return tf.conv2d(quantized, kernel as tf.Tensor4D, 1, 1);
    };
    return [loss(x, w), ...tf.grads(loss)([x, w])];
  };
}

/** The result of the compiled step is the eager one's; returns the graph. */
async function follows(step: Step, channels: number, [low, high]: [number, number]): Promise<string> {
  const args = [
    sample([2, 6, 6, channels], 1),
    sample([3, 3, channels, channels], 2),
    tf.scalar(low),
    tf.scalar(high),
  ] as unknown as Parameters<Step>;
  const fast = await compile(step, args);
  const graph = fast.print();
  assertClose(
    await fast(...args),
    tf.tidy(() => step(...args)),
    2e-5,
  );
  await fast.dispose();
  return graph;
}

const count = (graph: string, kernel: string): number => graph.split(` = ${kernel}(`).length - 1;

describe('compile: fake quantization', () => {
  before(() => tf.setBackend('cpu'));

  // Ranges that clip on both sides, with zero points 0, 5 and 15 of 15 and 170 of 255.
  const cases: [number, [number, number], boolean][] = [
    [4, [0, 1.7], true],
    [4, [-1, 2], false],
    [4, [-1.5, 0], false],
    [8, [-2, 1], false],
  ];
  for (const channels of [16, 12]) {
    for (const [bits, range, relu] of cases) {
      const name = `${bits} bits, range ${range.join(' to ')}${relu ? ' after ReLU' : ''}, ${channels} channels`;
      it(`${name}: values and gradients`, () => follows(layers(bits, relu), channels, range));
    }
  }

  it('is found, and its steps are not computed beside it', async () => {
    const graph = await follows(layers(4, true), 16, [0, 1.7]);
    assert.equal(count(graph, 'QuantizedLevels'), 1);
    assert.equal(count(graph, 'InsideRange'), 1);
    const gone = ['ClipByValue', 'Equal', 'Step', 'Cast'].filter((kernel) => count(graph, kernel) > 0);
    assert.deepEqual(gone, []);
    assert.match(graph, /InsideRange\(.*"positive":true/);
  });

  it('is left alone where the zero point is no whole number', async () => {
    const step = (x: tf.Tensor4D, scale: tf.Scalar): tf.Tensor => {
      const codes = tf.clipByValue(tf.add(tf.round(tf.div(x, scale)), 0.5), 0, 15);
      return tf.sub(codes, 0.5);
    };
    const args = [sample([1, 4, 4, 16]) as tf.Tensor4D, tf.scalar(0.1)] as const;
    const fast = await compile(step, [...args]);
    assert.equal(count(fast.print(), 'QuantizedLevels'), 0);
    assertClose(await fast(...args), step(...args), 1e-6);
    await fast.dispose();
  });

  it('lets values that are not numbers be seen', async () => {
    const step = (x: tf.Tensor4D, w: tf.Tensor4D): tf.Tensor =>
      tf.sum(fakeQuantizeActivation(tf.conv2d(x, w, 1, 1), 0, tf.max(x), 4));
    const args = [tf.fill([1, 4, 4, 16], NaN) as tf.Tensor4D, sample([3, 3, 16, 16]) as tf.Tensor4D] as const;
    const fast = await compile(step, [...args]);
    assert.ok(Number.isNaN((await (await fast(...args)).data())[0]));
    await fast.dispose();
  });
});
