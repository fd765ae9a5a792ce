/**
 * The kernels that a graph can contain, and the attributes of each. Names and attributes are tfjs's own;
 * three kernels are ours: `QuantizedLevels` and `InsideRange`, which the optimizer finds (quantize.ts), and
 * `Copy`.
 *
 * `Attributes` is the one list of kernels: a name that is added to it is required by every table that is
 * typed by it (shapes in ops/, the CPU's lowering in onnx/lower/, the GPU's in webgpu/lower/kinds.ts).
 */
import type { tf } from '../engines/index.js';
import type { DType } from './types.js';

/** No attributes. */
type None = Readonly<Record<string, never>>;

/** Two tensors that broadcast against each other, element by element. */
type BinaryKernel =
  | ('Add' | 'Sub' | 'Multiply' | 'RealDiv' | 'FloorDiv' | 'Mod' | 'Pow')
  | ('Maximum' | 'Minimum' | 'SquaredDifference')
  | ('Equal' | 'NotEqual' | 'Greater' | 'GreaterEqual' | 'Less' | 'LessEqual')
  | ('LogicalAnd' | 'LogicalOr');

/** One tensor, element by element. */
type UnaryKernel =
  | ('Neg' | 'Abs' | 'Sign' | 'Square' | 'Sqrt' | 'Rsqrt' | 'Reciprocal')
  | ('Exp' | 'Expm1' | 'Log' | 'Log1p' | 'Sigmoid' | 'Tanh' | 'Erf' | 'Sin' | 'Cos' | 'Softplus')
  | ('Relu' | 'Relu6' | 'Elu')
  | ('Floor' | 'Ceil' | 'Round')
  | ('LogicalNot' | 'IsNan' | 'IsInf' | 'IsFinite');

/** Axes to work on: one, several, or (left out) all. */
export type Axes = number | readonly number[] | null | undefined;

interface Reduction {
  readonly axis?: Axes;
  readonly keepDims?: boolean;
}

/** What all three kernels of a convolution have. */
export interface Convolution extends Pick<tf.Conv2DAttrs, 'strides' | 'pad' | 'dimRoundingMode'> {
  /** Must be NHWC, the default. */
  readonly dataFormat?: string;
  readonly dilations?: tf.Conv2DAttrs['dilations'];
}

/** The smallest and the largest level of a quantizer: whole numbers. */
interface Levels {
  readonly min: number;
  readonly max: number;
}

export interface Attributes extends Record<BinaryKernel | UnaryKernel, None> {
  // Element by element
  readonly Cast: { readonly dtype: DType };
  readonly ClipByValue: tf.ClipByValueAttrs;
  readonly LeakyRelu: tf.LeakyReluAttrs;
  readonly Select: None;
  readonly Step: Partial<tf.StepAttrs>;
  // Reductions
  readonly All: Reduction;
  readonly Any: Reduction;
  readonly ArgMax: Partial<tf.ArgMaxAttrs>;
  readonly ArgMin: Partial<tf.ArgMinAttrs>;
  readonly Cumsum: tf.CumsumAttrs;
  readonly Max: { readonly reductionIndices?: Axes; readonly keepDims?: boolean };
  readonly Mean: Reduction;
  readonly Min: Reduction;
  readonly Prod: Reduction;
  readonly Softmax: Partial<tf.SoftmaxAttrs>;
  readonly Sum: Reduction;
  // Moving elements
  readonly Concat: tf.ConcatAttrs;
  readonly ExpandDims: tf.ExpandDimsAttrs;
  readonly Pack: tf.PackAttrs;
  readonly PadV2: tf.PadV2Attrs;
  readonly Reshape: tf.ReshapeAttrs;
  readonly Reverse: { readonly dims?: Axes };
  readonly Slice: tf.SliceAttrs;
  readonly SplitV: tf.SplitVAttrs;
  readonly StridedSlice: tf.StridedSliceAttrs;
  readonly Tile: tf.TileAttrs;
  readonly Transpose: tf.TransposeAttrs;
  readonly Unpack: tf.UnpackAttrs;
  // Tensors of known numbers
  readonly Fill: { readonly shape: number[]; readonly value: number; readonly dtype?: DType };
  readonly OnesLike: None;
  readonly Range: tf.RangeAttrs;
  readonly ZerosLike: None;
  // Looking up, counting, sorting
  readonly DenseBincount: tf.DenseBincountAttrs;
  readonly GatherV2: Partial<tf.GatherV2Attrs>;
  readonly OneHot: Omit<tf.OneHotAttrs, 'dtype'> & { readonly dtype?: DType };
  readonly SearchSorted: tf.SearchSortedAttrs;
  readonly TopK: tf.TopKAttrs;
  readonly UnsortedSegmentSum: tf.UnsortedSegmentSumAttrs;
  // Products
  readonly BatchMatMul: tf.BatchMatMulAttrs;
  /** On the GPU with a third input, a bias, and ReLU after it. */
  readonly Conv2D: Convolution & { readonly relu?: boolean };
  readonly Conv2DBackpropFilter: Convolution & Pick<tf.Conv2DBackpropFilterAttrs, 'filterShape'>;
  readonly Conv2DBackpropInput: Convolution & Pick<tf.Conv2DBackpropInputAttrs, 'inputShape'>;
  // Ours
  /** What a step returns as it got it, in memory of its own. */
  readonly Copy: None;
  readonly InsideRange: Levels & { readonly positive?: boolean };
  readonly QuantizedLevels: Levels;
}

export type KernelName = keyof Attributes;
