/** The one instance of TensorFlow.js: every room and every user of this package takes `tf` from here. */
export * as tf from '@tensorflow/tfjs';
