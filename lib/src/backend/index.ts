/** Which engine runs tensors. */
export { tf } from './tf.js';
