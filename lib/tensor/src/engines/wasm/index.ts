/**
 * The wasm backend, completed: tfjs-backend-wasm plus the kernels it lacks and faster ones for those that are
 * slow loops there. `lib/tensor/bench/wasm-kernels.ts` measures them.
 */
import { tf } from '../tf.js';
import { broadcastOperations } from './broadcast.js';
import { cast } from './kernels/cast.js';
import { clipByValue } from './kernels/clipByValue.js';
import { conv2D } from './kernels/conv2D.js';
import { conv2DBackpropFilter } from './kernels/conv2DBackpropFilter.js';
import { conv2DBackpropInput } from './kernels/conv2DBackpropInput.js';
import { concat, slice, stridedSlice, tile } from './kernels/copies.js';
import { elementwise } from './kernels/elementwise.js';
import { fusedBatchNorm } from './kernels/fusedBatchNorm.js';
import { gather, unsortedSegmentSum } from './kernels/gather.js';
import { identity } from './kernels/identity.js';
import { batchMatMul, fusedMatMul } from './kernels/matMul.js';
import { oneHot } from './kernels/oneHot.js';
import { mean, reduction } from './kernels/reductions.js';
import { logicalAnd, select } from './kernels/select.js';
import { type Kernel, replaceKernel } from './simd.js';

/** Kernel name → its maker; the maker gets tfjs's own kernel, for the cases that it leaves to it. */
const kernels: Record<string, (original: Kernel) => Kernel> = {
  [tf.Conv2D]: conv2D,
  [tf.Conv2DBackpropFilter]: () => conv2DBackpropFilter,
  [tf.Conv2DBackpropInput]: () => conv2DBackpropInput,
  [tf.BatchMatMul]: batchMatMul,
  [tf._FusedMatMul]: fusedMatMul,
  [tf.FusedBatchNorm]: fusedBatchNorm,
  ...Object.fromEntries(broadcastOperations.map((operation) => [operation, elementwise(operation)])),
  [tf.Sum]: reduction('sum'),
  [tf.Mean]: mean,
  [tf.Max]: reduction('max'),
  [tf.Min]: reduction('min'),
  [tf.Slice]: slice,
  [tf.StridedSlice]: stridedSlice,
  [tf.Concat]: concat,
  [tf.Tile]: tile,
  [tf.GatherV2]: gather,
  [tf.UnsortedSegmentSum]: unsortedSegmentSum,
  [tf.OneHot]: () => oneHot,
  [tf.Select]: select,
  [tf.LogicalAnd]: logicalAnd,
  [tf.Identity]: identity,
  [tf.Cast]: cast,
  [tf.ClipByValue]: clipByValue,
};

let completed = false;

/**
 * Registers our kernels for 'wasm', whose backend must be initialized; false when that has been done before.
 */
export function completeWasmKernels(): boolean {
  if (completed) return false;
  completed = true;
  for (const [name, make] of Object.entries(kernels)) replaceKernel(name, make);
  return true;
}
