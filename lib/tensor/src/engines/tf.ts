/** The one instance of TensorFlow.js: every room, and every notebook through `oabn`, takes `tf` from here. */
export * as tf from '@tensorflow/tfjs';
