/** Repeating along axes of one element moves behind elementwise kernels, which broadcast by themselves. */
import { type KernelName, sameShape, type Shape, type ValueId } from '../../ops/index.js';
import type { Rule, Writer } from '../rule.js';

/** Not Relu: the gradient's `Step` looks for it on the values that the step gave it (see stepOfRelu.ts). */
const elementwise: ReadonlySet<KernelName> = new Set<KernelName>([
  ...(['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'Neg', 'Square', 'Sqrt'] as const),
  ...(['Rsqrt', 'Exp', 'Log', 'Cast', 'Step', 'ClipByValue'] as const),
]);

/** op(repeat(x), y) → op(x, y) if y has the whole shape, else repeat(op(x, y)). */
export const repeatLater: Rule = {
  name: 'repeat later',
  apply: (writer, node, inputs) => {
    if (!elementwise.has(node.kernel)) return undefined;
    const sources = inputs.map((id) => sourceOfRepeat(writer, id) ?? id);
    if (sources.every((id, i) => id === inputs[i])) return undefined;
    const [result] = writer.run(node.kernel, sources, node.attributes);
    return repeatedTo(writer, result, node.outputs[0]!.shape);
  },
};

/** x repeated along axes of one element to `shape`; undefined for other ranks. */
export function repeatedTo(writer: Writer, x: ValueId, shape: Shape): ValueId | undefined {
  const from = writer.value(x).shape;
  if (sameShape(from, shape)) return x;
  if (from.length !== shape.length) return undefined;
  return writer.run('Tile', [x], {
    reps: shape.map((size, i) => (size === from[i] ? 1 : size / from[i]!)),
  })[0];
}

/** What a value repeats along axes of one element. */
function sourceOfRepeat({ value, producer }: Writer, id: ValueId): ValueId | undefined {
  const node = producer(id);
  if (node?.kernel !== 'Tile') return undefined;
  const [x] = node.inputs;
  const { reps } = node.attributes;
  return value(x!).shape.every((size, i) => size === 1 || reps[i] === 1) ? x : undefined;
}
