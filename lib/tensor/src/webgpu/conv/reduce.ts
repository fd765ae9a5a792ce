/**
 * The second pass of a product that was split along k: the partial sums are added, in the order of the
 * splits.
 */
import type { GpuDispatch } from '../program.js';
import { each, epilogueFunctions, epilogueOf } from './frame.js';
import type { Product } from './product.js';

const threads = 256;
const mostWorkgroups = 65535;

/** `partials` [splits, result.size] → the result. */
export function reduceSplits(partials: string, splits: number, product: Product): GpuDispatch {
  const { n, result, label, epilogue } = product;
  const vector = n % 4 === 0;
  const [type, count] = vector ? ['vec4f', result.size / 4] : ['f32', result.size];
  const groups = Math.ceil(count / threads);
  const width = Math.min(groups, mostWorkgroups);
  const { bias } = epilogue;
  const first = vector ? `i * 4 % ${n}` : `i % ${n}`;
  const biasAt = vector ? `vec4f(${each(4, (e) => `bias[channel + ${e}]`, ', ')})` : 'bias[channel]';
  const value = epilogueOf(epilogue, 'sum', biasAt, vector ? 4 : 1);
  return {
    label: `${label}, sum of ${splits}`,
    wgsl: `@group(0) @binding(0) var<storage, read> partials: array<${type}>;
@group(0) @binding(1) var<storage, read_write> result: array<${type}>;
${bias === undefined ? '' : '@group(0) @binding(2) var<storage, read> bias: array<f32>;'}
${epilogueFunctions(epilogue)}
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = i32(id.x + id.y * ${width * threads}u);
  if (i >= ${count}) { return; }
  let channel = ${first};
  var sum = partials[i];
${each(splits - 1, (s) => `  sum += partials[i + ${(s + 1) * count}];`)}
  result[i] = ${value};
}
`,
    bindings: [partials, result.buffer, ...(bias === undefined ? [] : [bias])],
    workgroups: [width, Math.ceil(groups / width), 1],
  };
}
