/**
 * Kernels that engines compute for some dtypes only. Where tfjs takes others as well, operands are cast, and
 * the result is cast to what tfjs would give.
 */
import type { DType, KernelName, Value } from '../ops/index.js';

/** For float32. */
const onFloats: ReadonlySet<KernelName> = new Set<KernelName>([
  ...(['Exp', 'Expm1', 'Log1p', 'Reciprocal', 'Softplus', 'LeakyRelu', 'Step'] as const),
  ...(['IsNan', 'IsInf', 'IsFinite'] as const),
]);

/** For float32 and int32. */
const onNumbers: ReadonlySet<KernelName> = new Set<KernelName>([
  ...(['Add', 'Sub', 'Multiply', 'Pow', 'Mod', 'SquaredDifference'] as const),
  ...(['Neg', 'Abs', 'Sign', 'Square', 'Relu', 'Relu6', 'Round', 'ClipByValue'] as const),
  ...(['Cumsum', 'ArgMax', 'ArgMin', 'PadV2', 'Select'] as const),
]);

/** What tfjs gives, where that is not the type that the kernel has by its operands. */
const results: { readonly [K in KernelName]?: DType } = {
  Exp: 'float32',
  LeakyRelu: 'float32',
  Cumsum: 'int32',
};

/** How a kernel is to be computed whose operands have other dtypes than it takes; undefined for all others. */
export function casting(
  kernel: KernelName,
  operands: readonly Value[],
): { readonly operands: DType; readonly result: DType | undefined } | undefined {
  const given = operands.at(-1)?.dtype;
  const isOdd = (onFloats.has(kernel) && given !== 'float32') || (onNumbers.has(kernel) && given === 'bool');
  if (!isOdd) return undefined;
  return { operands: onFloats.has(kernel) ? 'float32' : 'int32', result: results[kernel] };
}
