/**
 * Kernels that work on each element by itself. On activations in the blocked layout they stay there; sums and
 * products with a number per channel stay symbolic (the affine form of layout.ts); everything else is ONNX's own
 * broadcasting in tfjs's layout.
 */
import type { DType, KernelAttributes, KernelNode, Shape, TensorType } from '../ir.js';
import { sameShape, sizeOf } from '../ir.js';
import type { Builder } from '../onnx/builder.js';
import {
  addAffine,
  type Affine,
  blockedShape,
  type Lowering,
  materialize,
  scaleAffine,
  vectorName,
} from '../onnx/layout.js';
import { broadcastShape, type Kernel, type Kernels } from './kernel.js';

/** Emits the operator on operands that broadcast to `shape`; the dtype is that of the kernel's result. */
type Emit = (b: Builder, operands: readonly string[], shape: Shape, attributes: KernelAttributes) => string;

interface Rule {
  readonly emit: Emit;
  /** The result's dtype; default that of the first operand. */
  readonly dtype?: DType;
  /** Symbolic treatment; undefined if this case has none. */
  readonly affine?: (l: Lowering, node: KernelNode) => Affine | undefined;
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
  (b, operands, shape, attributes) =>
    b.emit('Not', [emit(b, operands, shape, attributes)], { shape, type: 'bool' });

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

const binaryRules: Readonly<Record<string, Rule>> = {
  Add: { emit: direct('Add'), affine: affineSum(1), safeOnZero: true },
  Sub: { emit: direct('Sub'), affine: affineSum(-1), safeOnZero: true },
  Multiply: { emit: direct('Mul'), affine: affineProduct, safeOnZero: true },
  RealDiv: { emit: onFloats('Div'), dtype: 'float32', affine: affineQuotient },
  Maximum: { emit: direct('Max'), safeOnZero: true },
  Minimum: { emit: direct('Min'), safeOnZero: true },
  Pow: { emit: direct('Pow') },
  FloorDiv: {
    emit: (b, operands, shape) => {
      const quotient = onFloats('Div')(b, operands, shape, {});
      return b.cast(b.emit('Floor', [quotient], { shape }), 'int32');
    },
    dtype: 'int32',
  },
  Mod: {
    // tfjs's Mod has the sign of the divisor: x − y·⌊x/y⌋.
    emit: (b, operands, shape) => {
      const quotient = onFloats('Div')(b, operands, shape, {});
      const floor = b.cast(
        b.emit('Floor', [quotient], { shape }),
        b.typeOf(operands[0]!) as 'float32' | 'int32',
      );
      return direct('Sub')(b, [operands[0]!, direct('Mul')(b, [floor, operands[1]!], shape, {})], shape, {});
    },
  },
  SquaredDifference: {
    emit: (b, operands, shape) => {
      const difference = direct('Sub')(b, operands, shape, {});
      return direct('Mul')(b, [difference, difference], shape, {});
    },
    safeOnZero: true,
  },
  Equal: { emit: compare('Equal'), dtype: 'bool', safeOnZero: true },
  NotEqual: { emit: negated(compare('Equal')), dtype: 'bool', safeOnZero: true },
  Greater: { emit: compare('Greater'), dtype: 'bool', safeOnZero: true },
  GreaterEqual: { emit: compare('GreaterOrEqual'), dtype: 'bool', safeOnZero: true },
  Less: { emit: compare('Less'), dtype: 'bool', safeOnZero: true },
  LessEqual: { emit: compare('LessOrEqual'), dtype: 'bool', safeOnZero: true },
  LogicalAnd: { emit: direct('And'), dtype: 'bool', safeOnZero: true },
  LogicalOr: { emit: direct('Or'), dtype: 'bool', safeOnZero: true },
};

const unaryRules: Readonly<Record<string, Rule>> = {
  Neg: {
    emit: direct('Neg'),
    safeOnZero: true,
    affine: (l, { inputs: [x] }) => scaleAffine(l.b, l.affine(x!), -1),
  },
  Relu: { emit: (b, [x], shape) => emitRelu(b, x!, shape), safeOnZero: true },
  Abs: { emit: direct('Abs'), safeOnZero: true },
  Square: { emit: (b, [x], shape) => direct('Mul')(b, [x!, x!], shape, {}), safeOnZero: true },
  Sqrt: { emit: onFloats('Sqrt'), safeOnZero: true },
  Rsqrt: {
    emit: (b, [x], shape) => b.emit('Reciprocal', [b.emit('Sqrt', [x!], { shape })], { shape }),
  },
  Reciprocal: { emit: onFloats('Reciprocal') },
  Exp: { emit: onFloats('Exp'), safeOnZero: true },
  Expm1: {
    emit: (b, [x], shape) =>
      direct('Sub')(b, [onFloats('Exp')(b, [x!], shape, {}), b.floats([1], [])], shape, {}),
    safeOnZero: true,
  },
  Log: { emit: onFloats('Log') },
  Log1p: {
    emit: (b, [x], shape) =>
      onFloats('Log')(b, [direct('Add')(b, [x!, b.floats([1], [])], shape, {})], shape, {}),
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
      b.emit('LeakyRelu', [x!], { shape, attributes: { alpha: { float: Number(alpha) } } }),
    safeOnZero: true,
  },
  Step: {
    emit: (b, [x], shape, { alpha }) => {
      if (alpha !== undefined && alpha !== 0) {
        const rising = b.cast(compare('Greater')(b, [x!, scalarLike(b, x!, 0)], shape, {}), 'float32');
        const [slope, one] = [b.floats([Number(alpha)], []), b.floats([1], [])];
        const below = b.emit('Mul', [b.emit('Sub', [one, rising], { shape }), slope], { shape });
        return b.emit('Add', [rising, below], { shape });
      }
      return b.emit('HardSigmoid', [b.cast(x!, 'float32')], {
        shape,
        attributes: { alpha: { float: steep }, beta: { float: 0 } },
      });
    },
    safeOnZero: true,
  },
  ClipByValue: {
    emit: (b, [x], shape, { clipValueMin, clipValueMax }) =>
      clip(b, x!, shape, Number(clipValueMin), Number(clipValueMax)),
    safeOnZero: true,
  },
  LogicalNot: { emit: direct('Not'), dtype: 'bool', safeOnZero: true },
  IsNan: {
    emit: (b, [x], shape) => b.emit('IsNaN', [x!], { shape, type: 'bool' }),
    dtype: 'bool',
    safeOnZero: true,
  },
  IsInf: {
    emit: (b, [x], shape) => b.emit('IsInf', [x!], { shape, type: 'bool' }),
    dtype: 'bool',
    safeOnZero: true,
  },
  IsFinite: {
    emit: (b, [x], shape) => {
      const zero = b.emit('Sub', [x!, x!], { shape });
      return b.emit('Equal', [zero, b.floats([0], [])], { shape, type: 'bool' });
    },
    dtype: 'bool',
    safeOnZero: true,
  },
};

export const elementwiseKernels: Kernels = {
  ...mapRules(binaryRules, ['a', 'b']),
  ...mapRules(unaryRules, ['x']),
  Cast: {
    inputs: ['x'],
    infer: ([x], { dtype }) => [{ shape: x!.shape, dtype: dtype as DType }],
    lower: (l, node) =>
      lowerElementwise(l, node, {
        emit: (b, [x]) => b.cast(x!, node.outputs[0]!.dtype),
        safeOnZero: true,
      }),
  },
  Select: {
    inputs: ['condition', 't', 'e'],
    infer: ([, t]) => [t!],
    lower: (l, node) => {
      const rowwise = l.typeOf(node.inputs[0]!).shape.length < node.outputs[0]!.shape.length;
      lowerElementwise(
        l,
        node,
        {
          emit: (b, [condition, t, e], shape) => {
            const from = b.shapeOf(condition!);
            const aligned = rowwise
              ? b.reshape(condition!, [...from, ...shape.slice(from.length).map(() => 1)])
              : condition!;
            return b.emit('Where', [b.cast(aligned, 'bool'), t!, e!], { shape, type: b.typeOf(t!) });
          },
          safeOnZero: true,
        },
        rowwise,
      );
    },
  },
};

function mapRules(rules: Readonly<Record<string, Rule>>, inputs: readonly string[]): Record<string, Kernel> {
  const kernel = (rule: Rule): Kernel => ({
    inputs,
    infer: (types) => [
      {
        dtype: rule.dtype ?? types[0]!.dtype,
        shape: types.map((type) => type.shape).reduce((x, y) => broadcastShape(x, y)),
      },
    ],
    lower: (l, node) => lowerElementwise(l, node, rule),
  });
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, kernel(rule)]));
}

/** `plainOnly` for what does not broadcast as ONNX does. */
function lowerElementwise(l: Lowering, node: KernelNode, rule: Rule, plainOnly = false): void {
  const [value] = node.outputs;
  const { id, shape } = value!;
  const operands = plainOnly ? undefined : blockedOperands(l, node, value!, rule);
  if (operands) {
    if (node.kernel === 'Relu') {
      const relu = materialize(l.b, l.affine(node.inputs[0]!), blockedShape(shape, l.block), true);
      l.set(id, { kind: 'blocked', name: relu });
      return;
    }
    const affine = value!.dtype === 'float32' ? rule.affine?.(l, node) : undefined;
    if (affine) {
      l.set(id, { kind: 'affine', affine });
      return;
    }
    l.set(id, { kind: 'blocked', name: emitBlocked(l, operands(), shape, node, rule) });
    return;
  }
  const names = node.inputs.map((input) => l.plain(input));
  l.set(id, { kind: 'plain', name: rule.emit(l.b, names, shape, node.attributes) });
}

interface Operand {
  readonly name: string;
  /** Whole tensors have the result's shape; the others are [C/B,1,1,B] or [n,C/B,h,w,B] with ones. */
  readonly whole: boolean;
}

/** How to get the operands in the blocked layout; undefined where the kernel is better off in the plain one. */
function blockedOperands(
  l: Lowering,
  node: KernelNode,
  result: TensorType,
  rule: Rule,
): (() => Operand[]) | undefined {
  const { shape } = result;
  const channels = shape[3];
  if (shape.length !== 4 || channels === undefined) return undefined;
  const ragged = channels % l.block !== 0;
  if (ragged && !rule.safeOnZero && node.kernel !== 'RealDiv') return undefined;
  const isWhole = (id: number): boolean => sameShape(l.typeOf(id).shape, shape);
  if (!node.inputs.some((id) => isWhole(id) && l.isBlocked(id))) return undefined;
  const fits = node.inputs.every((id) => {
    if (isWhole(id)) return l.isBlocked(id) || l.typeOf(id).dtype === 'float32';
    return l.vector(id, channels) !== undefined || fitsBlocks(l.typeOf(id), shape);
  });
  if (!fits) return undefined;
  // A padded divisor would be zero: in ragged blocks, only quotients by one number stay finite.
  if (ragged && node.kernel === 'RealDiv' && sizeOf(l.typeOf(node.inputs[1]!).shape) !== 1) return undefined;
  return () => node.inputs.map((id) => blockedOperand(l, id, shape, isWhole(id)));
}

function fitsBlocks({ shape, dtype }: TensorType, result: Shape): boolean {
  return shape.length === 4 && shape[3] === result[3] && dtype === 'float32';
}

function blockedOperand(l: Lowering, id: number, shape: Shape, whole: boolean): Operand {
  const { b, block } = l;
  const channels = blockedShape(shape, block)[1]!;
  if (whole) return { name: l.blocked(id), whole: true };
  const number = l.scalar(id);
  if (number !== undefined) {
    return { name: b.cast(b.floats([number], []), l.typeOf(id).dtype), whole: true };
  }
  // Single numbers broadcast everywhere, and faster than vectors.
  if (sizeOf(l.typeOf(id).shape) === 1) return { name: b.reshape(l.plain(id), []), whole: true };
  const vector = l.vector(id, shape[3]!);
  if (vector !== undefined) {
    const name = vectorName(b, vector, channels);
    return { name: b.reshape(name, [channels / block, 1, 1, block]), whole: false };
  }
  const [n, , h, w] = b.shapeOf(l.blocked(id)) as [number, number, number, number];
  return { name: b.reshape(l.blocked(id), [n, channels / block, h, w, block]), whole: false };
}

/** Whole operands need no care; others broadcast only where the block's channels are an axis of their own. */
function emitBlocked(
  l: Lowering,
  operands: readonly Operand[],
  shape: Shape,
  node: KernelNode,
  rule: Rule,
): string {
  const { b, block } = l;
  const [n, c, h, w] = blockedShape(shape, block) as [number, number, number, number];
  const declared = [n, c, h, w];
  if (operands.every(({ whole }) => whole)) {
    return rule.emit(
      b,
      operands.map(({ name }) => name),
      declared,
      node.attributes,
    );
  }
  const split = [n, c / block, h, w, block];
  const views = operands.map(({ name, whole }) =>
    whole && b.shapeOf(name).length === 4 ? b.reshape(name, split) : name,
  );
  return b.reshape(rule.emit(b, views, split, node.attributes), declared);
}

function affineSum(sign: 1 | -1) {
  return (l: Lowering, { inputs: [x, y], outputs }: KernelNode): Affine | undefined => {
    const shape = outputs[0]!.shape;
    const [left, right] = [affineOperand(l, x!, shape), affineOperand(l, y!, shape)];
    if (!left || !right) return undefined;
    return addAffine(l.b, left, sign === 1 ? right : scaleAffine(l.b, right, -1));
  };
}

function affineOperand(l: Lowering, id: number, shape: Shape): Affine | undefined {
  if (sameShape(l.typeOf(id).shape, shape)) return l.affine(id);
  const offset = l.vector(id, shape[3]!);
  return offset === undefined ? undefined : { terms: [], offset };
}

function affineProduct(l: Lowering, { inputs: [x, y], outputs }: KernelNode): Affine | undefined {
  const shape = outputs[0]!.shape;
  for (const [id, other] of [
    [x!, y!],
    [y!, x!],
  ] as const) {
    const scale = l.vector(other, shape[3]!);
    if (scale !== undefined && sameShape(l.typeOf(id).shape, shape)) {
      return scaleAffine(l.b, l.affine(id), scale);
    }
  }
  return undefined;
}

/** Division by a known number only: by others, x·(1/y) would round otherwise than x/y, which quantizers notice. */
function affineQuotient(l: Lowering, { inputs: [x, y], outputs }: KernelNode): Affine | undefined {
  const divisor = l.scalar(y!);
  if (divisor === undefined || !sameShape(l.typeOf(x!).shape, outputs[0]!.shape)) return undefined;
  return scaleAffine(l.b, l.affine(x!), Math.fround(1 / divisor));
}

function emitRelu(b: Builder, x: string, shape: Shape): string {
  if (b.typeOf(x) !== 'int32') return b.emit('Relu', [x], { shape });
  return b.emit('Max', [x, b.int32s([0], [])], { shape, type: 'int32' });
}

function keepIntegers(op: string): Emit {
  return (b, [x], shape) => (b.typeOf(x!) === 'int32' ? x! : b.emit(op, [x!], { shape }));
}

/** Infinite bounds are left out. */
function clip(b: Builder, x: string, shape: Shape, min: number, max: number): string {
  const bound = (value: number): string => (Number.isFinite(value) ? scalarLike(b, x, value) : '');
  if (bound(min) === '' && bound(max) === '') return x;
  return b.emit('Clip', [x, bound(min), bound(max)], { shape, type: b.typeOf(x) });
}
