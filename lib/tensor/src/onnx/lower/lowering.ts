/** How a kernel is lowered: a function that gives each of a node's results a form (see layout.ts). */
import type { Attributes, KernelCall, KernelName, TensorType } from '../../ops/index.js';
import type { Lowering } from '../layout.js';

export type Lower<K extends KernelName> = (l: Lowering, node: KernelCall<K>) => void;

export type Lowerings<Names extends KernelName = KernelName> = {
  readonly [K in Names]: Lower<K>;
};

/** A kernel of one result that is lowered in tfjs's own layout, from the names of its inputs to a name. */
export function plainly<K extends KernelName>(
  lower: (l: Lowering, names: readonly string[], type: TensorType, attributes: Attributes[K]) => string,
): Lower<K> {
  return (l, node) => {
    const [value] = node.outputs;
    const names = node.inputs.map((id) => l.plain(id));
    l.set(value!.id, { kind: 'plain', name: lower(l, names, value!, node.attributes) });
  };
}
