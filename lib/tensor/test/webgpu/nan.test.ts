import assert from 'node:assert/strict';
import { tf } from '../../src/engines/index.js';
import { optimize, trace } from '../../src/trace/index.js';
import type { GpuFeatures } from '../../src/webgpu/index.js';
import { lowerToGpu } from '../../src/webgpu/lower/index.js';
import { kernelCases, nanCases } from '../compile/kernelCases.js';
import { gpuCases } from '../compile/webgpu/cases.js';

const features: GpuFeatures = {
  f16: false,
  subgroups: false,
  maxWorkgroupStorage: 32768,
  maxInvocations: 256,
};

/** What of WGSL compares a value with itself, such as `x == x`; undefined if nothing does. */
const selfComparison = (wgsl: string): string | undefined =>
  /(?<![\w.\])])([A-Za-z_][\w.]*(?:\[[^\]]*\])?)(?: *[=!<>]= *| [<>] )\1(?![\w.[(])/.exec(wgsl)?.[0];

describe('WGSL', () => {
  before(() => tf.setBackend('cpu'));

  // NVIDIA's compiler takes `x == x` for true, which an emulated GPU does not show.
  it('never tells NaN by comparing a value with itself', () => {
    assert.deepEqual(
      ['!(x == x)', 't1.x!=t1.x', 'a[i] == a[i]', 'x <= x', 'x == x1', 'ax == x', 'x == x.y'].map(
        selfComparison,
      ),
      ['x == x', 't1.x!=t1.x', 'a[i] == a[i]', 'x <= x', undefined, undefined, undefined],
    );
    const steps = [
      ...[...kernelCases, ...nanCases].map(([name, step, args]) => ({ name, step, args })),
      ...gpuCases,
    ];
    for (const { name, step, args } of steps) {
      const graph = optimize(trace(step, args() as never[]).graph);
      if (graph.nodes.some(({ outputs }) => outputs.some(({ shape }) => shape.includes(0)))) continue;
      for (const direct of [false, true]) {
        for (const { label, wgsl } of lowerToGpu(graph, features, 8, { direct }).dispatches)
          assert.equal(selfComparison(wgsl), undefined, `${name}: ${label}`);
      }
    }
  });

  it('takes the larger of numbers by a function that keeps NaN', () => {
    const extremes = (x: tf.Tensor): tf.Tensor[] => {
      const mean = tf.mean(x, 0, true);
      const variance = tf.mean(tf.squaredDifference(x, mean), 0);
      return [tf.relu(x), tf.relu6(x), tf.max(x), tf.min(x, 0), tf.maximum(x, 1), tf.minimum(x, 1), variance];
    };
    const graph = optimize(trace(extremes, [tf.zeros([8, 4])]).graph);
    for (const { label, wgsl } of lowerToGpu(graph, features, 8).dispatches)
      assert.doesNotMatch(wgsl, /\b(?:max|min|clamp)\((?![^;]*u\))/, label);
  });
});
