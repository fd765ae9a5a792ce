/**
 * Every kernel that a compiled step can contain: tfjs's, and those that the optimizer puts in their place.
 */
import { arrangeKernels } from './arrange.js';
import type { Attributes, KernelName } from './attributes.js';
import { convolutionKernels } from './convolution.js';
import { elementwiseKernels } from './elementwise.js';
import { indexingKernels } from './indexing.js';
import type { Kernels } from './kernel.js';
import { linearKernels } from './linear.js';
import { quantizeKernels } from './quantize.js';
import { reduceKernels } from './reduce.js';
import type { TensorType } from './types.js';

const kernels: Kernels = {
  ...elementwiseKernels,
  ...reduceKernels,
  ...arrangeKernels,
  ...indexingKernels,
  ...linearKernels,
  ...convolutionKernels,
  ...quantizeKernels,
};

export const kernelNames = Object.keys(kernels) as readonly KernelName[];

/** Whether the compiler knows a kernel of tfjs. */
export const isKernelName = (name: string): name is KernelName => name in kernels;

/** The names of the tensors that a kernel reads, in their order; `list` for any number. */
export const inputsOf = (kernel: KernelName): readonly string[] | 'list' => kernels[kernel].inputs;

/** The types of a kernel's results. @throws an Error or UserError when shapes or attributes do not fit */
export function inferTypes<K extends KernelName>(
  kernel: K,
  inputs: readonly TensorType[],
  attributes: Attributes[K],
): readonly TensorType[] {
  return kernels[kernel].infer(inputs, attributes);
}
