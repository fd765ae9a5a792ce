/**
 * Reductions of a group: many values become few. However they lie in memory, all go the same way:
 *
 * 1. each thread walks over some of the terms and adds them to running values of its own (`accumulate.ts`);
 * 2. the threads of a workgroup add up what they have, in a tree (`combine.ts`);
 * 3. the first of them makes the results, and what follows from them element by element.
 *
 * Where one result has so many terms that it takes many workgroups, these leave partial sums, which a second,
 * small dispatch adds up (`parts.ts`). The walks are a file each, as `space.ts` names them:
 * `columns`, `rows`, `each`, `bins`. Sums are added in an order that depends on the shapes only, so that a
 * result has the same bits in every run.
 */
import type { GpuProgram } from '../../program.js';
import type { Scene } from '../dispatch.js';
import { binsProgram } from './bins.js';
import { columnsProgram } from './columns.js';
import { eachProgram } from './each.js';
import { rowsProgram } from './rows.js';
import { type ReduceGroup, taskOf } from './task.js';

export { smallReduction } from './each.js';

/** The dispatches of a group; `name` is for its buffer of partial sums. */
export function reduceProgram(scene: Scene, group: ReduceGroup, name: string): GpuProgram {
  const task = taskOf(scene, group);
  const { space } = group;
  switch (space.kind) {
    case 'columns':
      return columnsProgram(scene, task, space, name);
    case 'rows':
      return rowsProgram(scene, task, space, name);
    case 'each':
      return eachProgram(scene, task, space);
    case 'bins':
      return binsProgram(scene, task, space, name);
    default:
      return space satisfies never;
  }
}
