/**
 * Kernels that work on each element by itself. On activations in the blocked layout they stay there; sums and
 * products with a number per channel stay symbolic (the affine form of layout.ts); everything else is ONNX's
 * own broadcasting in tfjs's layout.
 */
import {
  type KernelCall,
  type KernelName,
  sameShape,
  type Shape,
  sizeOf,
  type TensorType,
} from '../../ops/index.js';
import { blockedShape, type Lowering, materialize, vectorName } from '../layout.js';
import { elementwiseRules, type Rule } from './elementwiseRules.js';
import type { Lowerings } from './lowering.js';

type Ruled = keyof typeof elementwiseRules;

const ruled = Object.fromEntries(
  Object.entries(elementwiseRules).map(([kernel, rule]) => [
    kernel,
    (l: Lowering, node: KernelCall<KernelName>) => lowerElementwise(l, node, rule as Rule<KernelName>),
  ]),
) as Lowerings<Ruled>;

export const elementwiseLowerings: Lowerings<Ruled | 'Select'> = {
  ...ruled,
  Select: (l, node) => {
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
};

/** `plainOnly` for what does not broadcast as ONNX does. */
function lowerElementwise<K extends KernelName>(
  l: Lowering,
  node: KernelCall<K>,
  rule: Rule<K>,
  plainOnly = false,
): void {
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

/**
 * How to get the operands in the blocked layout; undefined where the kernel is better off in the plain one.
 */
function blockedOperands<K extends KernelName>(
  l: Lowering,
  node: KernelCall<K>,
  result: TensorType,
  rule: Rule<K>,
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
function emitBlocked<K extends KernelName>(
  l: Lowering,
  operands: readonly Operand[],
  shape: Shape,
  node: KernelCall<K>,
  rule: Rule<K>,
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
