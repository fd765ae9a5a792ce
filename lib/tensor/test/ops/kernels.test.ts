import assert from 'node:assert/strict';
import { UserError } from 'oabn-base';
import { tf } from '../../src/engines/index.js';
import { onnxLacks } from '../../src/onnx/index.js';
import { type Graph, type KernelName, kernelNames } from '../../src/ops/index.js';
import { optimize, refuseLacking, trace } from '../../src/trace/index.js';
import { gpuLacks } from '../../src/webgpu/index.js';
import { kernelCases } from '../compile/kernelCases.js';
import { parseGraph } from '../graph.js';

/** The kernels that a graph contains. */
function kernelsIn({ nodes }: Graph): KernelName[] {
  return nodes.flatMap((node) => (node.kind === 'kernel' ? [node.kernel] : []));
}

describe('kernels', () => {
  before(() => tf.setBackend('cpu'));

  // A kernel that is new in ops/attributes.ts must be in an engine's table, or in its list of what it lacks:
  // the compiler sees to that. Here the lists are read out, so that a gap is decided on, not slipped in.
  it('the CPU engine lacks none', () => assert.deepEqual(onnxLacks, []));
  it('the GPU engine lacks none', () => assert.deepEqual(gpuLacks, []));

  it('each occurs in a case that every engine is tested by', () => {
    const tried = new Set<KernelName>();
    for (const [, step, args] of kernelCases) {
      const { graph } = trace(step, args());
      for (const kernel of [...kernelsIn(graph), ...kernelsIn(optimize(graph))]) tried.add(kernel);
    }
    const untried = kernelNames.filter((kernel) => !tried.has(kernel));
    // Only the GPU's lowering writes copies; «arguments and constants as results» tests them.
    assert.deepEqual(untried, ['Copy']);
  });

  it('a step is refused by an engine that lacks one of its kernels', () => {
    const graph = parseGraph(`
      %0 = input "x" float32[2]
      %1 = Erf(%0) float32[2]
      return %1`);
    assert.doesNotThrow(() => refuseLacking(graph, ['Sin'], 'The new engine'));
    assert.throws(
      () => refuseLacking(graph, ['Sin', 'Erf'], 'The new engine'),
      (error) =>
        error instanceof UserError && /^The new engine cannot run the kernel Erf yet/.test(error.message),
    );
  });
});
