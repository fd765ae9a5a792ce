/**
 * How each kernel gets onto the GPU:
 *
 * - **map**: each element is an expression of the elements at its place (maps.ts);
 * - **view**: each element is an element of an input at another place, or a number that follows from its
 *   place (views.ts);
 * - **reshape**: the same elements in the same order: no work at all;
 * - **reduction**: many elements become few (reductions.ts, reduce/);
 * - **dispatch**: work that is a dispatch of its own (kernelGroup.ts);
 * - **prepared**: said in other kernels, or as a constant, before anything else happens (prepare.ts).
 *
 * Maps and views are *expressions*: they need not be stored, and any number of them become one pass over
 * memory.
 */
import type { KernelName } from '../../ops/index.js';

export type Kind = 'map' | 'view' | 'reshape' | 'reduction' | 'dispatch' | 'prepared';

/** Kernels that this engine cannot run yet; a step that contains one is refused. */
export const gpuLacks = [] as const satisfies readonly KernelName[];

type GpuKernel = Exclude<KernelName, (typeof gpuLacks)[number]>;

const kinds = {
  ...{ Add: 'map', Sub: 'map', Multiply: 'map', RealDiv: 'map', FloorDiv: 'map', Mod: 'map', Pow: 'map' },
  ...{ Maximum: 'map', Minimum: 'map', SquaredDifference: 'map', Square: 'map', Neg: 'map', Abs: 'map' },
  ...{ Equal: 'map', NotEqual: 'map', Greater: 'map', GreaterEqual: 'map', Less: 'map', LessEqual: 'map' },
  ...{ LogicalAnd: 'map', LogicalOr: 'map', LogicalNot: 'map', IsNan: 'map', IsInf: 'map', IsFinite: 'map' },
  ...{ Sqrt: 'map', Rsqrt: 'map', Reciprocal: 'map', Exp: 'map', Expm1: 'map', Log: 'map', Log1p: 'map' },
  ...{ Sigmoid: 'map', Tanh: 'map', Erf: 'map', Sin: 'map', Cos: 'map', Softplus: 'map', Sign: 'map' },
  ...{ Floor: 'map', Ceil: 'map', Round: 'map', Relu: 'map', Relu6: 'map', Elu: 'map', LeakyRelu: 'map' },
  ...{ Step: 'map', ClipByValue: 'map', Cast: 'map', Select: 'map', Copy: 'map' },
  ...{ QuantizedLevels: 'map', InsideRange: 'map' },

  ...{ Tile: 'view', Transpose: 'view', Slice: 'view', SplitV: 'view', Unpack: 'view', Reverse: 'view' },
  ...{ StridedSlice: 'view', PadV2: 'view', Concat: 'view', Pack: 'view', GatherV2: 'view' },
  ...{ OneHot: 'view', Range: 'view', SearchSorted: 'view' },

  ...{ Reshape: 'reshape', ExpandDims: 'reshape' },

  ...{ Sum: 'reduction', Mean: 'reduction', Max: 'reduction', Min: 'reduction', Prod: 'reduction' },
  ...{ All: 'reduction', Any: 'reduction', ArgMax: 'reduction', ArgMin: 'reduction' },
  ...{ DenseBincount: 'reduction' },

  ...{ Conv2D: 'dispatch', Conv2DBackpropInput: 'dispatch', Conv2DBackpropFilter: 'dispatch' },
  ...{ BatchMatMul: 'dispatch', TopK: 'dispatch', Cumsum: 'dispatch', UnsortedSegmentSum: 'dispatch' },

  ...{ Softmax: 'prepared', Fill: 'prepared', ZerosLike: 'prepared', OnesLike: 'prepared' },
} as const satisfies Readonly<Record<GpuKernel, Kind>>;

/** The kernels of a kind. */
export type OfKind<K extends Kind> = {
  [Name in keyof typeof kinds]: (typeof kinds)[Name] extends K ? Name : never;
}[keyof typeof kinds];

export const kindOf = (kernel: KernelName): Kind => kinds[kernel];

/** Whether a call is of a kernel of this kind. */
export function isOfKind<K extends Kind, Call extends { readonly kernel: KernelName }>(
  call: Call,
  kind: K,
): call is Extract<Call, { readonly kernel: OfKind<K> }> {
  return kinds[call.kernel] === kind;
}
