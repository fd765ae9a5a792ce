/** A graph on the GPU: lowered to WGSL kernels, which are built once and replayed for each call. */
import { UserError } from 'oabn-base';
import { type Precision, tf } from '../engines/index.js';
import { type Graph, sizeOf, valuesOf } from '../ops/index.js';
import { type EngineStep, refuseLacking } from '../trace/index.js';
import { gpuDeviceInfo } from './device.js';
import { lowerToGpu } from './lower/index.js';
import { gpuLacks } from './lower/kinds.js';
import { printProgram } from './print.js';
import { createGpuSession } from './session.js';

/**
 * @throws UserError when the engine lacks a kernel of the graph, or the device refuses one or lacks the
 * memory
 */
export async function createGpuStep(graph: Graph, precision: Precision): Promise<EngineStep> {
  refuseLacking(graph, gpuLacks, 'The GPU engine');
  const info = await gpuDeviceInfo(precision);
  if (!info) throw new UserError('There is no GPU device: start it with useBackend(«webgpu»)');
  const { device, features, mostBuffers, software } = info;
  // A buffer cannot be empty, so results without elements are made where they are returned.
  const values = valuesOf(graph);
  const types = graph.results.map((id) => values.get(id)!);
  const isComputed = types.map(({ shape }) => sizeOf(shape) > 0);
  const computed = { ...graph, results: graph.results.filter((_, i) => isComputed[i]) };
  const program = lowerToGpu(computed, features, mostBuffers, { precision, direct: software });
  const session = await createGpuSession(device, program);
  const labels = program.dispatches.map(({ label }) => label);
  return {
    nodes: 0,
    dispatches: labels.length,
    print: () => printProgram(program),
    run: async (inputs) => {
      const results = (await session.run(inputs)).values();
      return types.map(({ shape, dtype }, i) =>
        isComputed[i] ? results.next().value! : tf.tensor([], [...shape], dtype),
      );
    },
    profile: async (inputs) => {
      const times = await session.profile(inputs);
      if (!times) return undefined;
      const sums: Record<string, number> = {};
      times.forEach((time, i) => (sums[labels[i]!] = (sums[labels[i]!] ?? 0) + time));
      return sums;
    },
    release: () => Promise.resolve(session.release()),
  };
}
