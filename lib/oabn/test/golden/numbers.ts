/**
 * The numbers that `networks.py` gives to weights and images: a hash of name and index, so that no file holds
 * them.
 */
import { permute } from '../../src/model/index.js';
import { sizeOf } from 'oabn-base';
import { tf } from 'tfjs-native';

/** Uniform in [−0.5, 0.5), as `numbers` of the script. */
function uniform(name: string, size: number): Float64Array {
  let hash = 2166136261;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 16777619);
  return Float64Array.from({ length: size }, (_, i) => {
    let x = (hash + Math.imul(i, 0x9e3779b1)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32 - 0.5;
  });
}

/** A tensor's values, as `values` of the script. */
export function numbersOf(name: string, shape: readonly number[]): Float32Array {
  const u = uniform(name, sizeOf(shape));
  const of = (value: (u: number) => number): Float32Array => Float32Array.from(u, value);
  if (name.endsWith('running_var')) return of((v) => 1 + v);
  if (name.endsWith('running_mean') || name.endsWith('bias')) return of((v) => 0.4 * v);
  if (name.includes('scale') && (name.includes('gamma') || name.endsWith('layer_scale'))) return of((v) => 0.5 + v);
  if (shape.length > 1) {
    const factor = Math.sqrt(24 / sizeOf(shape.slice(1)));
    return of((v) => factor * v);
  }
  return of((v) => 1 + v);
}

/** Two images [2,32,32,3]. */
export function goldenImages(): tf.Tensor4D {
  const planes = Float32Array.from(uniform('images', 2 * 3 * 32 * 32), (v) => 4 * v);
  return tf.tensor4d(permute(planes, [2, 3, 32, 32], [0, 2, 3, 1]), [2, 32, 32, 3]);
}
