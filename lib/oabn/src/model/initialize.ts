/**
 * A network before training, as PyTorch makes it: convolutions and the classifier from
 * `kaiming_uniform_(a=√5)`, which is U(−1/√fanIn, 1/√fanIn), and BN with γ = 1, β = 0. A learned s begins at
 * the architecture's threshold.
 */
import { random, sizeOf } from 'oabn-base';
import type { Architecture } from './architecture.js';
import { isThreshold, parameterShapes } from './parameters.js';
import type { StateDict } from './stateDict.js';

/** The initial state dict of `arch`: a pure function of `seed`, independent for every tensor. */
export function initialize(arch: Architecture, seed: number): StateDict {
  const tensors = Object.entries(parameterShapes(arch, 'training')).map(([name, shape]) => {
    return [name, { shape, data: initialValues(name, shape, arch, seed) }] as const;
  });
  return Object.fromEntries(tensors);
}

function initialValues(
  name: string,
  shape: readonly number[],
  { widths, oabn }: Architecture,
  seed: number,
): Float32Array {
  const size = sizeOf(shape);
  const isMatrix = shape.length > 1;
  if (isMatrix || name === 'linear.bias') {
    const stream = random(seed, 'initialize', name);
    const bound = 1 / Math.sqrt(isMatrix ? size / shape[0]! : widths.at(-1)!);
    return Float32Array.from({ length: size }, () => (2 * stream.uniform() - 1) * bound);
  }
  if (isThreshold(name)) return new Float32Array(size).fill(oabn!.threshold);
  const isOne = name.endsWith('.weight') || name.endsWith('.running_var');
  return new Float32Array(size).fill(isOne ? 1 : 0);
}
