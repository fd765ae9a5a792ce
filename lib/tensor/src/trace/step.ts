/** What an engine makes of a graph: the interface between the compiler and onnx/ and webgpu/. */
import type { tf } from '../engines/index.js';

export interface EngineStep {
  /** Results for inputs, both in the graph's order. */
  readonly run: (inputs: readonly tf.Tensor[]) => Promise<tf.Tensor[]>;
  readonly release: () => Promise<void>;
  /** Nodes of the ONNX graph; 0 on a GPU. */
  readonly nodes: number;
  /** Kernels that a call asks the GPU to run; 0 on a CPU. */
  readonly dispatches: number;
  readonly print: () => string;
  /** Milliseconds by what is dispatched; undefined where the engine has no clock of its own. */
  readonly profile: (inputs: readonly tf.Tensor[]) => Promise<Readonly<Record<string, number>> | undefined>;
}
