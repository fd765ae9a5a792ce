/** A model file of one image classifier, run by ONNX Runtime as any other program would run it. */
import { errorMessage, UserError } from 'oabn-base';
import { importOnnxRuntime } from '../engines/index.js';

/** An opened model file. */
export interface OnnxModel {
  /**
   * Images [N,3,H,W] → logits, flat [N·classes]. @throws UserError when the model does not take such images.
   */
  readonly run: (
    images: Float32Array,
    shape: readonly [batch: number, channels: number, height: number, width: number],
  ) => Promise<Float32Array>;
  /** Frees the session; the model computes nothing after that. */
  readonly release: () => Promise<void>;
}

/**
 * Opens a model with one input and one output. @throws UserError when it cannot be read, or there is no
 * engine.
 */
export async function openOnnxModel(path: string): Promise<OnnxModel> {
  const runtime = await importOnnxRuntime().catch((error: unknown) => {
    throw new UserError(
      `Running ${path} needs onnxruntime-node, which does not load: ${errorMessage(error)}`,
    );
  });
  const session = await runtime.InferenceSession.create(path, { logSeverityLevel: 3 }).catch(
    (error: unknown) => {
      throw new UserError(`Cannot open ${path} as an ONNX model: ${errorMessage(error)}`);
    },
  );
  const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];
  return {
    async run(images, shape) {
      const feeds = { [input]: new runtime.Tensor('float32', images, shape) };
      const results = await session.run(feeds).catch((error: unknown) => {
        throw new UserError(`${path} does not take images [${shape.join(', ')}]: ${errorMessage(error)}`);
      });
      return results[output]!.data as Float32Array;
    },
    release: () => session.release(),
  };
}
