/** Which weights share a quantizer: a whole kernel, or each of its output channels. */
import type { HostTensor } from 'oabn-base';
import type { Granularity } from './scheme.js';

/** The groups of a kernel [out,in,3,3] (OIHW) that share a quantizer, as views of its data. */
export function groupsOf(
  { shape, data }: HostTensor<Float32Array>,
  granularity: Granularity = 'perTensor',
): Float32Array[] {
  if (granularity === 'perTensor') return [data];
  const size = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** A kernel's data with each group replaced by `replace` of it, which has the same length. */
export function mapGroups(
  kernel: HostTensor<Float32Array>,
  granularity: Granularity | undefined,
  replace: (weights: Float32Array, group: number) => Float32Array,
): Float32Array {
  const result = new Float32Array(kernel.data.length);
  let offset = 0;
  groupsOf(kernel, granularity).forEach((weights, group) => {
    result.set(replace(weights, group), offset);
    offset += weights.length;
  });
  return result;
}
