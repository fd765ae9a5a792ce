/** The results of a kernel on constants, computed by tfjs itself on its plain JavaScript backend. */
import { tf } from '../engines/index.js';
import type { Attributes, KernelName } from './attributes.js';
import { inputsOf } from './kernels.js';
import { compacted, type ConstantData, dtypeOf, elementsOf, type TensorType } from './types.js';

export interface Constant {
  readonly type: TensorType;
  readonly data: ConstantData;
}

/** The elements of each result; one element where all are equal. */
export function evaluate<K extends KernelName>(
  kernel: K,
  inputs: readonly Constant[],
  attributes: Attributes[K],
): ConstantData[] {
  const engine = tf.engine();
  const before = tf.getBackend();
  void tf.setBackend('cpu');
  engine.startScope('evaluate');
  try {
    const tensors = inputs.map(({ type, data }) =>
      tf.tensor(elementsOf(data, type.shape), [...type.shape], type.dtype),
    );
    const names = inputsOf(kernel);
    const named = names === 'list' ? tensors : Object.fromEntries(tensors.map((x, i) => [names[i]!, x]));
    const result: unknown = engine.runKernel(kernel, named as never, attributes as never);
    return [result as tf.Tensor].flat().map((tensor) => compacted(tensor.dataSync(), dtypeOf(tensor.dtype)!));
  } finally {
    engine.endScope();
    void tf.setBackend(before);
  }
}
