/** What a rewriting rule is, and what it may ask and do. */
import type { Attributes, ConstantData, KernelName, KernelNode, Value, ValueId } from '../ops/index.js';

/** The graph as it is written anew, from the inputs on. */
export interface Writer {
  readonly value: (id: ValueId) => Value;
  /** The elements of a constant (see `ConstantData`); undefined for other values. */
  readonly constant: (id: ValueId) => ConstantData | undefined;
  /** The call that makes a value; undefined for inputs and constants. */
  readonly producer: (id: ValueId) => KernelNode | undefined;
  /** The result of a kernel that is written already; undefined if it is not. */
  readonly find: <K extends KernelName>(
    kernel: K,
    inputs: readonly ValueId[],
    attributes: Attributes[K],
  ) => ValueId | undefined;
  /** The results of a kernel, which is written unless it is there already or can be computed now. */
  readonly run: <K extends KernelName>(
    kernel: K,
    inputs: readonly ValueId[],
    attributes: Attributes[K],
  ) => readonly [ValueId, ...ValueId[]];
}

/** A rule for some kernels. */
export interface Rule {
  readonly name: string;
  /**
   * The value that stands for the node's single result; undefined if the rule does not apply.
   * @param inputs what the node's inputs are called in the new graph
   */
  readonly apply: (writer: Writer, node: KernelNode, inputs: readonly ValueId[]) => ValueId | undefined;
}

/** Both orders of the operands of a kernel that is the same either way. */
export function eitherWay(inputs: readonly ValueId[]): readonly (readonly [ValueId, ValueId])[] {
  const [x, y] = inputs as readonly [ValueId, ValueId];
  return [
    [x, y],
    [y, x],
  ];
}
