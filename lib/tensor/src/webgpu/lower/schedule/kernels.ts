/** Kernels that are dispatches of their own. */
import type { ValueId } from '../../../ops/index.js';
import { isOfKind } from '../kinds.js';
import type { Pending, Step } from './pending.js';

/** Large ones run as soon as what they read is there, each by itself. */
export function largeKernels(pending: Pending, free: readonly ValueId[]): readonly Step[] {
  return free
    .filter((id) => pending.way(id) === 'kernel' && !pending.isSmallStep(id))
    .map((id) => alone(pending, id));
}

/** A small one that is the next of the small steps, and found no company. */
export function smallKernel(pending: Pending, free: readonly ValueId[]): readonly Step[] {
  const next = free.find(pending.isSmallStep);
  return next !== undefined && pending.way(next) === 'kernel' ? [alone(pending, next)] : [];
}

function alone(pending: Pending, id: ValueId): Step {
  const node = pending.node(id);
  if (!isOfKind(node, 'dispatch')) throw new Error(`no dispatch is known for the kernel ${node.kernel}`);
  return { group: { kind: 'kernel', node }, done: [id], made: pending.madeWith(id) };
}
