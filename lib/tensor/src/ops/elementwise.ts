/** Kernels that work on each element by itself. Two operands broadcast against each other. */
import { broadcastShape, type Kernels, likeItsInput } from './kernel.js';
import type { DType, TensorType } from './types.js';

/** `dtype` of the result; default that of the first operand. */
const binary = (dtype?: DType) => ({
  inputs: ['a', 'b'],
  infer: ([a, b]: readonly TensorType[]): readonly TensorType[] => [
    { dtype: dtype ?? a!.dtype, shape: broadcastShape(a!.shape, b!.shape) },
  ],
});

/** Whether something holds for each element. */
const question = (): ReturnType<typeof likeItsInput> => ({
  inputs: ['x'],
  infer: ([x]) => [{ dtype: 'bool', shape: x!.shape }],
});

export const elementwiseKernels = {
  Add: binary(),
  Sub: binary(),
  Multiply: binary(),
  RealDiv: binary('float32'),
  Maximum: binary(),
  Minimum: binary(),
  Pow: binary(),
  FloorDiv: binary('int32'),
  Mod: binary(),
  SquaredDifference: binary(),
  Equal: binary('bool'),
  NotEqual: binary('bool'),
  Greater: binary('bool'),
  GreaterEqual: binary('bool'),
  Less: binary('bool'),
  LessEqual: binary('bool'),
  LogicalAnd: binary('bool'),
  LogicalOr: binary('bool'),
  Neg: likeItsInput(),
  Relu: likeItsInput(),
  Abs: likeItsInput(),
  Square: likeItsInput(),
  Sqrt: likeItsInput(),
  Rsqrt: likeItsInput(),
  Reciprocal: likeItsInput(),
  Exp: likeItsInput(),
  Expm1: likeItsInput(),
  Log: likeItsInput(),
  Log1p: likeItsInput(),
  Sigmoid: likeItsInput(),
  Tanh: likeItsInput(),
  Erf: likeItsInput(),
  Sin: likeItsInput(),
  Cos: likeItsInput(),
  Softplus: likeItsInput(),
  Floor: likeItsInput(),
  Ceil: likeItsInput(),
  Round: likeItsInput(),
  Sign: likeItsInput(),
  Elu: likeItsInput(),
  Relu6: likeItsInput(),
  LeakyRelu: likeItsInput(),
  Step: likeItsInput(),
  ClipByValue: likeItsInput(),
  Copy: likeItsInput(),
  LogicalNot: question(),
  IsNan: question(),
  IsInf: question(),
  IsFinite: question(),
  Cast: { inputs: ['x'], infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }] },
  /** The condition has the shape of both choices, or is a list that chooses whole rows of them. */
  Select: { inputs: ['condition', 't', 'e'], infer: ([, t]) => [t!] },
} satisfies Partial<Kernels>;
