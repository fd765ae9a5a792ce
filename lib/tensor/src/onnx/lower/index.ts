/**
 * How each kernel becomes nodes of ONNX: a table that the compiler checks for missing kernels, a file for
 * each family.
 */
import type { KernelCall, KernelName } from '../../ops/index.js';
import type { Lowering } from '../layout.js';
import { arrangeLowerings } from './arrange.js';
import { convolutionLowerings } from './convolution.js';
import { elementwiseLowerings } from './elementwise.js';
import { indexingLowerings } from './indexing.js';
import { linearLowerings } from './linear.js';
import type { Lowerings } from './lowering.js';
import { quantizeLowerings } from './quantize.js';
import { reduceLowerings } from './reduce.js';

/** Kernels that this engine cannot run yet; a step that contains one is refused. */
export const onnxLacks = [] as const satisfies readonly KernelName[];

const lowerings: Lowerings<Exclude<KernelName, (typeof onnxLacks)[number]>> = {
  ...elementwiseLowerings,
  ...reduceLowerings,
  ...arrangeLowerings,
  ...indexingLowerings,
  ...linearLowerings,
  ...convolutionLowerings,
  ...quantizeLowerings,
};

/** Gives each of the node's results a form. */
export function lowerKernel<K extends KernelName>(l: Lowering, node: KernelCall<K>): void {
  lowerings[node.kernel](l, node);
}
