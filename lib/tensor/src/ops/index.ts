/** Every kernel that a compiled step can contain: tfjs's, and those that the optimizer puts in their place. */
import { arrangeKernels } from './arrange.js';
import { convolutionKernels } from './convolution.js';
import { elementwiseKernels } from './elementwise.js';
import { indexingKernels } from './indexing.js';
import type { Kernels } from './kernel.js';
import { linearKernels } from './linear.js';
import { quantizeKernels } from './quantize.js';
import { reduceKernels } from './reduce.js';

export const kernels: Kernels = {
  ...elementwiseKernels,
  ...reduceKernels,
  ...arrangeKernels,
  ...indexingKernels,
  ...linearKernels,
  ...convolutionKernels,
  ...quantizeKernels,
};
