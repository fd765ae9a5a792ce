/**
 * Which calibration images a step sees and where it drops the quantization of activations: pure functions of
 * the seed.
 */
import { random } from 'oabn-base';

/**
 * The images of steps 0, 1, …: epochs in random order, cut into batches of `size`; what does not fill one is
 * left out.
 */
export function batchIndices(
  images: number,
  size: number,
  seed: number,
  path: string,
  step: number,
): Uint32Array {
  const perEpoch = Math.floor(images / size);
  const epoch = Math.floor(step / perEpoch);
  const start = (step % perEpoch) * size;
  return random(seed, 'reconstruct', path, epoch)
    .permutation(images)
    .subarray(start, start + size);
}

/** `size` ones, each independently dropped to 0 with the given probability, to within 1/65,536. */
export function keepMask(
  size: number,
  dropProbability: number,
  seed: number,
  ...path: (string | number)[]
): Float32Array {
  const mask = new Float32Array(size);
  const stream = random(seed, 'drop', ...path);
  const dropped = Math.round(dropProbability * 65536);
  for (let i = 0; i < size; i += 2) {
    const bits = stream.integer(2 ** 32);
    mask[i] = (bits & 0xffff) >= dropped ? 1 : 0;
    if (i + 1 < size) mask[i + 1] = bits >>> 16 >= dropped ? 1 : 0;
  }
  return mask;
}
