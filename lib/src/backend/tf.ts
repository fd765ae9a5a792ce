/** The one instance of TensorFlow.js: every room, and every notebook through `oabn`, takes `tf` from here. */
import { findBackend } from '@tensorflow/tfjs';
import { replaceReductionGradients } from './gradients.js';

export * as tf from '@tensorflow/tfjs';

replaceReductionGradients();

// At its first use in Node, tfjs's cpu backend prints an advertisement, which would land in users' output.
Object.assign(findBackend('cpu'), { firstUse: false });
