/** Refuses steps that an engine cannot run. */
import { UserError } from 'oabn-base';
import type { Graph, KernelName } from '../ops/index.js';

/**
 * @param lacks kernels that the engine has no lowering for
 * @param engine its name, for the message
 * @throws UserError that names the first of them in the graph
 */
export function refuseLacking({ nodes }: Graph, lacks: readonly KernelName[], engine: string): void {
  for (const node of nodes) {
    if (node.kind === 'kernel' && lacks.includes(node.kernel)) {
      throw new UserError(
        `${engine} cannot run the kernel ${node.kernel} yet; write the step with other operations, or run it eagerly`,
      );
    }
  }
}
