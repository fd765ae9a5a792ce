/** A graph on the CPU: lowered to ONNX, with arguments and results in native buffers. */
import type { tf } from '../engines/index.js';
import { type Graph, type TensorType, valuesOf } from '../ops/index.js';
import { type EngineStep, refuseLacking } from '../trace/index.js';
import { onnxLacks } from './lower/index.js';
import { elementsOfTensor, nativeTensor, takeBuffer } from './nativeBackend.js';
import { lowerGraph } from './lowerGraph.js';
import { createSession, loadRuntime } from './runtime.js';

/** @throws UserError when the engine lacks a kernel of the graph */
export async function createOnnxStep(graph: Graph, threads?: number): Promise<EngineStep> {
  refuseLacking(graph, onnxLacks, 'The CPU engine');
  const runtime = await loadRuntime();
  if (runtime.kind === 'missing') throw new Error(runtime.reason);
  const lowered = lowerGraph(graph, runtime.block);
  const session = await createSession(runtime.runtime, lowered, threads);
  const values = valuesOf(graph);
  const types: TensorType[] = graph.results.map((id) => values.get(id)!);
  return {
    nodes: lowered.nodes.length,
    dispatches: 0,
    print: () => '',
    profile: () => Promise.resolve(undefined),
    release: session.release,
    run: async (inputs: readonly tf.Tensor[]) => {
      const outputs = types.map(({ dtype, shape }) => takeBuffer(dtype, shape));
      await session.run(inputs.map(elementsOfTensor), outputs);
      return outputs.map((data, i) => nativeTensor(data, types[i]!.dtype, types[i]!.shape));
    },
  };
}
