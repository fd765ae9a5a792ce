import assert from 'node:assert/strict';
import { UserError } from 'oabn-base';
import { tf } from '../../src/engines/index.js';
import { compile } from '../../src/index.js';
import { checkStep, sample, type Step } from './support.js';

const { layers } = tf;
type Activation = 'elu' | 'linear' | 'relu' | 'relu6' | 'sigmoid' | 'tanh';

/** A model of tfjs's layers for images [8,8,3], with weights that are the same in each run. */
function model(...inner: tf.layers.Layer[]): tf.LayersModel {
  const made = tf.sequential({ layers: [layers.inputLayer({ inputShape: [8, 8, 3] }), ...inner] });
  made.setWeights(made.getWeights().map((w, i) => sample([...w.shape], i, 0.1, 0.6)));
  return made;
}

const conv = (activation: Activation, useBias = true): tf.layers.Layer =>
  layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation, useBias });

describe('compile: models of tfjs layers', () => {
  before(() => tf.setBackend('cpu'));

  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'tanh'] as const) {
    it(`convolution, then a dense layer, ${activation}`, () => {
      const network = model(conv(activation), layers.flatten(), layers.dense({ units: 5, activation }));
      return checkStep(((x: tf.Tensor) => network.predict(x)) as Step, [sample([2, 8, 8, 3])], 1e-5);
    });
  }

  it('batch normalization, pooling and softmax', () => {
    const network = model(
      ...[conv('linear', false), layers.batchNormalization(), layers.reLU()],
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 5, activation: 'softmax' }),
    );
    return checkStep(((x: tf.Tensor) => network.predict(x)) as Step, [sample([2, 8, 8, 3])], 1e-5);
  });

  it('batch normalization without scale and offset, and leaky ReLU', () => {
    const network = model(
      ...[layers.batchNormalization({ scale: false, center: false }), layers.leakyReLU({ alpha: 0.3 })],
    );
    return checkStep(((x: tf.Tensor) => network.predict(x)) as Step, [sample([2, 8, 8, 3])], 1e-5);
  });

  it('refuses a fused activation that it does not know', () =>
    assert.rejects(
      compile(
        (a: tf.Tensor2D, w: tf.Tensor) =>
          tf.fused.matMul({ a, b: a, activation: 'prelu', preluActivationWeights: w }),
        [tf.ones([2, 2]) as tf.Tensor2D, tf.ones([2])],
      ),
      (error) => error instanceof UserError && /activation prelu of a layer/.test(error.message),
    ));
});
