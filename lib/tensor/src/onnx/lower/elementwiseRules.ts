/**
 * The kernels that work on each element by itself: what ONNX operator each is, and which ones stay symbolic.
 */
import type { Attributes, KernelCall, KernelName, Shape } from '../../ops/index.js';
import type { Builder } from '../builder.js';
import { type Affine, type Lowering, scaleAffine } from '../layout.js';
import { affineProduct, affineQuotient, affineSquare, affineSquaredDifference, affineSum } from './affine.js';

/** Emits the operator on operands that broadcast to `shape`; the dtype is that of the kernel's result. */
type Emit = (b: Builder, operands: readonly string[], shape: Shape) => string;

export interface Rule<K extends KernelName> {
  readonly emit: (...args: [...operation: Parameters<Emit>, attributes: Attributes[K]]) => string;
  /** Symbolic treatment; undefined if this case has none. */
  readonly affine?: (l: Lowering, node: KernelCall<K>) => Affine | undefined;
  /** Whether zeros in padded channels stay finite, so that the operator may run on them. */
  readonly safeOnZero?: boolean;
}

const direct =
  (op: string): Emit =>
  (b, operands, shape) =>
    b.emit(op, operands, { shape, type: b.typeOf(operands[0]!) });

/** A scalar of the same type as `like`. */
function scalarLike(b: Builder, like: string, value: number): string {
  return b.typeOf(like) === 'int32' ? b.int32s([value], []) : b.floats([value], []);
}

const compare =
  (op: string): Emit =>
  (b, operands, shape) => {
    // ONNX Runtime compares no booleans except for equality.
    const [x, y] = operands.map((name) => (b.typeOf(name) === 'bool' ? b.cast(name, 'int32') : name));
    return b.emit(op, [x!, y!], { shape, type: 'bool' });
  };

const negated =
  (emit: Emit): Emit =>
  (b, operands, shape) =>
    b.emit('Not', [emit(b, operands, shape)], { shape, type: 'bool' });

const onFloats =
  (op: string, attributes: Record<string, number | { float: number }> = {}): Emit =>
  (b, operands, shape) =>
    b.emit(
      op,
      operands.map((name) => b.cast(name, 'float32')),
      { shape, attributes },
    );

/** 1 where x > 0, else 0, in one pass: a ramp from 0 so steep that every normal number is beyond its end. */
const steep = 3e38;

export const elementwiseRules = {
  Add: { emit: direct('Add'), affine: affineSum(1), safeOnZero: true },
  Sub: { emit: direct('Sub'), affine: affineSum(-1), safeOnZero: true },
  Multiply: { emit: direct('Mul'), affine: affineProduct, safeOnZero: true },
  RealDiv: { emit: onFloats('Div'), affine: affineQuotient },
  Maximum: { emit: direct('Max'), safeOnZero: true },
  Minimum: { emit: direct('Min'), safeOnZero: true },
  Pow: { emit: direct('Pow') },
  FloorDiv: {
    emit: (b, operands, shape) => {
      if (operands.every((name) => b.typeOf(name) === 'int32')) return floorOfInts(b, operands, shape);
      const quotient = onFloats('Div')(b, operands, shape);
      return b.cast(b.emit('Floor', [quotient], { shape }), 'int32');
    },
  },
  Mod: {
    // tfjs's Mod has the sign of the divisor, which ONNX's has for whole numbers only.
    emit: (b, [x, y], shape) => {
      if (b.typeOf(x!) === 'int32') return direct('Mod')(b, [x!, divisorOfInts(b, y!).divisor], shape);
      const mod = (operands: string[]): string => b.emit('Mod', operands, { shape, attributes: { fmod: 1 } });
      const rest = mod([x!, y!]);
      const other = mod([direct('Add')(b, [rest, y!], shape), y!]);
      const isNegative = (name: string): string =>
        compare('Less')(b, [name, b.floats([0], [])], b.shapeOf(name));
      const sameSign = compare('Equal')(b, [isNegative(x!), isNegative(y!)], shape);
      return b.emit('Where', [sameSign, rest, other], { shape });
    },
  },
  SquaredDifference: {
    emit: (b, operands, shape) => {
      const difference = direct('Sub')(b, operands, shape);
      return direct('Mul')(b, [difference, difference], shape);
    },
    affine: affineSquaredDifference,
    safeOnZero: true,
  },
  Equal: { emit: compare('Equal'), safeOnZero: true },
  NotEqual: { emit: negated(compare('Equal')), safeOnZero: true },
  Greater: { emit: compare('Greater'), safeOnZero: true },
  GreaterEqual: { emit: compare('GreaterOrEqual'), safeOnZero: true },
  Less: { emit: compare('Less'), safeOnZero: true },
  LessEqual: { emit: compare('LessOrEqual'), safeOnZero: true },
  LogicalAnd: { emit: direct('And'), safeOnZero: true },
  LogicalOr: { emit: direct('Or'), safeOnZero: true },
  Neg: {
    emit: direct('Neg'),
    safeOnZero: true,
    affine: (l, { inputs: [x] }) => scaleAffine(l.b, l.affine(x!), -1),
  },
  Relu: { emit: (b, [x], shape) => emitRelu(b, x!, shape), safeOnZero: true },
  Abs: { emit: direct('Abs'), safeOnZero: true },
  Square: {
    emit: (b, [x], shape) => direct('Mul')(b, [x!, x!], shape),
    affine: affineSquare,
    safeOnZero: true,
  },
  Sqrt: { emit: onFloats('Sqrt'), safeOnZero: true },
  Rsqrt: {
    emit: (b, [x], shape) => b.emit('Reciprocal', [b.emit('Sqrt', [x!], { shape })], { shape }),
  },
  Reciprocal: { emit: onFloats('Reciprocal') },
  Exp: { emit: onFloats('Exp'), safeOnZero: true },
  Expm1: {
    emit: (b, [x], shape) => direct('Sub')(b, [onFloats('Exp')(b, [x!], shape), b.floats([1], [])], shape),
    safeOnZero: true,
  },
  Log: { emit: onFloats('Log') },
  Log1p: {
    emit: (b, [x], shape) => onFloats('Log')(b, [direct('Add')(b, [x!, b.floats([1], [])], shape)], shape),
    safeOnZero: true,
  },
  Sigmoid: { emit: onFloats('Sigmoid'), safeOnZero: true },
  Tanh: { emit: onFloats('Tanh'), safeOnZero: true },
  Erf: { emit: onFloats('Erf'), safeOnZero: true },
  Sin: { emit: onFloats('Sin'), safeOnZero: true },
  Cos: { emit: onFloats('Cos'), safeOnZero: true },
  Softplus: { emit: onFloats('Softplus'), safeOnZero: true },
  Floor: { emit: keepIntegers('Floor'), safeOnZero: true },
  Ceil: { emit: keepIntegers('Ceil'), safeOnZero: true },
  Round: { emit: keepIntegers('Round'), safeOnZero: true },
  Sign: { emit: direct('Sign'), safeOnZero: true },
  Elu: { emit: onFloats('Elu', { alpha: { float: 1 } }), safeOnZero: true },
  Relu6: { emit: (b, [x], shape) => clip(b, x!, shape, 0, 6), safeOnZero: true },
  LeakyRelu: {
    emit: (b, [x], shape, { alpha }) =>
      b.emit('LeakyRelu', [x!], { shape, attributes: { alpha: { float: alpha } } }),
    safeOnZero: true,
  },
  Step: {
    emit: (b, [x], shape, { alpha }) => {
      // Not by a comparison, which would lose NaN.
      const rising = b.emit('HardSigmoid', [b.cast(x!, 'float32')], {
        shape,
        attributes: { alpha: { float: steep }, beta: { float: 0 } },
      });
      if (alpha === undefined || alpha === 0) return rising;
      const [slope, one] = [b.floats([alpha], []), b.floats([1], [])];
      const below = b.emit('Mul', [b.emit('Sub', [one, rising], { shape }), slope], { shape });
      return b.emit('Add', [rising, below], { shape });
    },
    safeOnZero: true,
  },
  ClipByValue: {
    emit: (b, [x], shape, { clipValueMin, clipValueMax }) => clip(b, x!, shape, clipValueMin, clipValueMax),
    safeOnZero: true,
  },
  Cast: { emit: (b, [x], _shape, { dtype }) => b.cast(x!, dtype), safeOnZero: true },
  /** A result is a node of its own in any case: see lowerGraph.ts. */
  Copy: { emit: (_b, [x]) => x!, safeOnZero: true },
  LogicalNot: { emit: direct('Not'), safeOnZero: true },
  IsNan: {
    emit: (b, [x], shape) => b.emit('IsNaN', [x!], { shape, type: 'bool' }),
    safeOnZero: true,
  },
  IsInf: {
    emit: (b, [x], shape) => b.emit('IsInf', [x!], { shape, type: 'bool' }),
    safeOnZero: true,
  },
  IsFinite: {
    emit: (b, [x], shape) => {
      const zero = b.emit('Sub', [x!, x!], { shape });
      return b.emit('Equal', [zero, b.floats([0], [])], { shape, type: 'bool' });
    },
    safeOnZero: true,
  },
} satisfies { readonly [K in KernelName]?: Rule<K> };

/**
 * A divisor of whole numbers that the processor takes: 0, and −1 of the smallest number, would end the
 * process. Where it is 1 instead, the remainder is 0, as it should be.
 */
function divisorOfInts(b: Builder, y: string) {
  const bool = { shape: b.shapeOf(y), type: 'bool' } as const;
  const [isZero, isMinusOne] = [0, -1].map((value) => b.emit('Equal', [y, b.int32s([value], [])], bool));
  const isEither = b.emit('Or', [isZero!, isMinusOne!], bool);
  const divisor = b.emit('Where', [isEither, b.int32s([1], []), y], { shape: b.shapeOf(y), type: 'int32' });
  return { divisor, isZero: isZero!, isMinusOne: isMinusOne! };
}

/** ⌊x/y⌋ without rounding; 0 for y = 0, as in tfjs. ONNX divides towards 0. */
function floorOfInts(b: Builder, [x, y]: readonly string[], shape: Shape): string {
  const { divisor, isZero, isMinusOne } = divisorOfInts(b, y!);
  const quotient = direct('Div')(b, [x!, divisor], shape);
  const rest = direct('Sub')(b, [x!, direct('Mul')(b, [quotient, divisor], shape)], shape);
  const exact = compare('Equal')(b, [rest, direct('Mod')(b, [x!, divisor], shape)], shape);
  const floor = direct('Sub')(b, [quotient, b.cast(negatedBool(b, exact, shape), 'int32')], shape);
  const negative = direct('Neg')(b, [x!], b.shapeOf(x!));
  const where = (condition: string, yes: string, no: string): string =>
    b.emit('Where', [condition, yes, no], { shape, type: 'int32' });
  return where(isZero, b.int32s([0], []), where(isMinusOne, negative, floor));
}

const negatedBool = (b: Builder, x: string, shape: Shape): string =>
  b.emit('Not', [x], { shape, type: 'bool' });

function emitRelu(b: Builder, x: string, shape: Shape): string {
  if (b.typeOf(x) !== 'int32') return b.emit('Relu', [x], { shape });
  return b.emit('Max', [x, b.int32s([0], [])], { shape, type: 'int32' });
}

function keepIntegers(op: string): Emit {
  return (b, [x], shape) => (b.typeOf(x!) === 'int32' ? x! : b.emit(op, [x!], { shape }));
}

/** A bound that is left out is the largest finite number; whole numbers have no infinite one. */
function clip(b: Builder, x: string, shape: Shape, min: number, max: number): string {
  const isInteger = b.typeOf(x) === 'int32';
  const bound = (value: number): string =>
    isInteger && !Number.isFinite(value) ? '' : scalarLike(b, x, value);
  if (min === -Infinity && max === Infinity) return x;
  return b.emit('Clip', [x, bound(min), bound(max)], { shape, type: b.typeOf(x) });
}
