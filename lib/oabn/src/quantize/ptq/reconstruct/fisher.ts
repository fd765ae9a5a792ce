/**
 * How sensitive the loss is to an error in each element of a unit's output: the diagonal of the Fisher
 * information, E[(∂L/∂z)²], by which BRECQ weights squared errors (arXiv 2102.05426, section 3.3, equation
 * 10). The Fisher information is an expectation over labels drawn from the network's own prediction, so it
 * needs no true ones: L is the cross entropy for one label drawn for each image.
 */
import { tf } from 'tfjs-native';
import { type Block, classify, type Tensors } from '../../../model/index.js';
import { layerTensors, runLayer } from './activations.js';
import type { Unit } from './units.js';

/**
 * The squared gradients at the outputs of `units`, each [n, h, w, channels], for images [n,H,W,3] of the
 * merged network with tensors `params`; `draws` [n] in [0, 1) choose the labels.
 */
export function squaredGradients(
  stem: Block,
  units: readonly Unit[],
  params: Tensors,
  images: tf.Tensor4D,
  draws: tf.Tensor1D,
): tf.Tensor4D[] {
  const outputs = forwardUnits(stem, units, params, images);
  const logits = classify(params, outputs.at(-1)!);
  const labels = drawLabels(logits, draws);
  // The gradient at an output is that of an offset added to it.
  const loss = (...offsets: tf.Tensor[]): tf.Scalar => {
    const perturbed = forwardUnits(stem, units, params, images, offsets as tf.Tensor4D[]);
    const logProbabilities = tf.logSoftmax(classify(params, perturbed.at(-1)!));
    return tf.neg(tf.sum(tf.mul(labels, logProbabilities)));
  };
  const gradients = tf.grads(loss)(outputs.map((output) => tf.zerosLike(output)));
  return gradients.map((gradient) => tf.square(gradient)) as tf.Tensor4D[];
}

function forwardUnits(
  stem: Block,
  units: readonly Unit[],
  params: Tensors,
  images: tf.Tensor4D,
  offsets?: readonly tf.Tensor4D[],
): tf.Tensor4D[] {
  let features = runLayer(images, layerTensors(params, stem), stem.stride);
  return units.map(({ layers }, i) => {
    for (const layer of layers) features = runLayer(features, layerTensors(params, layer), layer.stride);
    if (offsets) features = tf.add(features, offsets[i]!);
    return features;
  });
}

/**
 * One label for each row of logits [n, classes], one-hot: the first class up to which the probabilities reach
 * the draw.
 */
function drawLabels(logits: tf.Tensor2D, draws: tf.Tensor1D): tf.Tensor2D {
  const [n, classes] = logits.shape;
  const reached = tf.cumsum(tf.softmax(logits), 1);
  const passed = tf.sum(tf.cast(tf.lessEqual(reached, tf.reshape(draws, [n, 1])), 'float32'), 1);
  const labels = tf.cast(tf.minimum(passed, classes - 1), 'int32') as tf.Tensor1D;
  return tf.oneHot(labels, classes, 1, 0, 'float32') as tf.Tensor2D;
}

/**
 * Squared gradients as weights of mean 1, half of it the same for all, so that no element counts for nothing.
 */
export function importanceOf(squared: Float32Array): Float32Array {
  const mean = squared.reduce((sum, value) => sum + value, 0) / squared.length;
  return mean > 0 ? squared.map((value) => (1 + value / mean) / 2) : squared.map(() => 1);
}
