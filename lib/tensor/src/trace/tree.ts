/**
 * Trees: plain records and arrays whose leaves are tensors, or constants such as numbers and strings. A step
 * takes and returns trees; the engine sees the list of their tensors, each named by its path (`0.params.fc`).
 */
import { tf } from '../engines/index.js';
import { UserError } from 'oabn-base';

export type Leaf = tf.Tensor | number | string | boolean | null | undefined;
export type Tree = Leaf | readonly Tree[] | { readonly [key: string]: Tree };

/**
 * A tree's tensors with their paths, in a fixed order, and what is needed to build the same tree of others.
 */
export interface Flat {
  readonly tensors: tf.Tensor[];
  readonly paths: string[];
  /** Equal for trees of the same structure and the same constants. */
  readonly structure: string;
}

/** @throws UserError for a leaf that is neither a tensor nor a plain constant. */
export function flatten(tree: unknown, name = ''): Flat {
  const tensors: tf.Tensor[] = [];
  const paths: string[] = [];
  const visit = (node: unknown, path: string): unknown => {
    if (node instanceof tf.Tensor) {
      tensors.push(node);
      paths.push(path);
      return { '*': node.dtype, shape: node.shape };
    }
    if (node === undefined) return { '*': 'undefined' };
    if (node === null || typeof node === 'string' || typeof node === 'boolean') return node;
    if (typeof node === 'number') return Number.isFinite(node) ? node : { '*': String(node) };
    if (Array.isArray(node)) return node.map((child, i) => visit(child, join(path, String(i))));
    if (isRecord(node)) {
      return entriesOf(node).map(([key, child]) => [key, visit(child, join(path, key))]);
    }
    throw new UserError(
      `A compiled step takes and returns tensors, numbers, strings, booleans, and records and arrays of them; ` +
        `"${path}" is ${typeof node === 'function' ? 'a function' : Object.prototype.toString.call(node)}`,
    );
  };
  const structure = JSON.stringify(visit(tree, name));
  return { tensors, paths, structure };
}

/** The tree `like` with its tensors replaced, in the order of `flatten`. */
export function unflatten(like: unknown, tensors: readonly tf.Tensor[]): unknown {
  let next = 0;
  return mapTensors(like, () => tensors[next++]!);
}

/** The tree `like` with each tensor replaced, in the order of `flatten`; anything else in it stays. */
export function mapTensors(like: unknown, replace: (tensor: tf.Tensor) => tf.Tensor): unknown {
  const visit = (node: unknown): unknown => {
    if (node instanceof tf.Tensor) return replace(node);
    if (Array.isArray(node)) return node.map(visit);
    if (isRecord(node)) {
      const children = Object.fromEntries(entriesOf(node).map(([key, child]) => [key, visit(child)]));
      return Object.fromEntries(Object.keys(node).map((key) => [key, children[key]]));
    }
    return node;
  };
  return visit(like);
}

function isRecord(node: unknown): node is Record<string, unknown> {
  if (typeof node !== 'object' || node === null) return false;
  const prototype: unknown = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

/** Sorted, so that the order in which a record was built does not matter. */
function entriesOf(node: Record<string, unknown>): [string, unknown][] {
  return Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1));
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
