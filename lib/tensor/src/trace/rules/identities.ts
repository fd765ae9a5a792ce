/** What changes nothing is removed. */
import { type KernelName, type KernelNode, sameShape, type ValueId } from '../../ops/index.js';
import type { Rule, Writer } from '../rule.js';
import { repeatedTo } from './repeats.js';

/** Kernels whose result may be the tensor that they were given. */
const mayBeSame: ReadonlySet<KernelName> = new Set<KernelName>([
  'Reshape',
  'ExpandDims',
  'Cast',
  'Tile',
  'Slice',
]);

/** A reshape to the same shape, a cast to the same dtype, a slice of everything: x itself. */
export const sameTensor: Rule = {
  name: 'same tensor',
  apply: (writer, node, [x]) =>
    mayBeSame.has(node.kernel) && isLikeResult(writer, node, x!) ? x : undefined,
};

/** x + 0, 0 + x, x − 0, x / 1: x, if it is not broadcast. */
export const neutralOperand: Rule = {
  name: 'neutral operand',
  apply: (writer, node, [x, y]) => {
    const neutral = (id: ValueId, number: number, rest: ValueId): ValueId | undefined =>
      isFilledWith(writer, id, number) && isLikeResult(writer, node, rest) ? rest : undefined;
    if (node.kernel === 'Add') return neutral(y!, 0, x!) ?? neutral(x!, 0, y!);
    if (node.kernel === 'Sub') return neutral(y!, 0, x!);
    return node.kernel === 'RealDiv' ? neutral(y!, 1, x!) : undefined;
  },
};

/**
 * x · 1: x, repeated where it is broadcast; a product with 1 is left alone where repeating cannot stand for
 * it.
 */
export const timesOne: Rule = {
  name: 'times one',
  apply: (writer, node, inputs) => {
    if (node.kernel !== 'Multiply') return undefined;
    const [x, y] = inputs as [ValueId, ValueId];
    const rest = isFilledWith(writer, y, 1) ? x : isFilledWith(writer, x, 1) ? y : undefined;
    if (rest === undefined) return undefined;
    return repeatedTo(writer, rest, node.outputs[0]!.shape) ?? writer.run('Multiply', inputs, {})[0];
  },
};

/** Whether the value has the shape and the dtype of the node's result. */
function isLikeResult({ value }: Writer, { outputs }: KernelNode, id: ValueId): boolean {
  const { shape, dtype } = outputs[0]!;
  return sameShape(value(id).shape, shape) && value(id).dtype === dtype;
}

function isFilledWith({ constant }: Writer, id: ValueId, number: number): boolean {
  const data = constant(id);
  return data?.length === 1 && data[0] === number;
}
