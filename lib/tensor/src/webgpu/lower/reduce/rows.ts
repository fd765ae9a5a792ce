/**
 * Rows: [rows, length] → [rows], the sums and extremes of whole tensors and of long rows. The threads of a
 * workgroup stride through one row, or a part of it, side by side, and join in a tree.
 */
import type { GpuDispatch, GpuProgram } from '../../program.js';
import { emitBraced, emitDispatch, type Scene } from '../dispatch.js';
import { placeAt } from '../place.js';
import type { Space } from '../space.js';
import { foldedGroup, foldedGroups, type Lanes } from '../wgsl.js';
import { addTerms, finish, setPivots, startAccumulators } from './accumulate.js';
import { combineAcross, joinLanes } from './combine.js';
import {
  addPartials,
  enoughGroups,
  inParts,
  labelFor,
  mostParts,
  perThread,
  powerBelow,
  type Source,
  writePartials,
} from './parts.js';
import type { Task } from './task.js';

type Rows = Extract<Space, { kind: 'rows' }>;

export function rowsProgram(scene: Scene, task: Task, space: Rows, name: string): GpuProgram {
  return inParts(task, rowParts(space), name, (source) => rowsDispatch(scene, task, space, source));
}

function rowParts({ rows, length }: Rows): number {
  const wanted = Math.min(mostParts, Math.ceil(enoughGroups / rows));
  return Math.max(1, Math.min(wanted, Math.floor(length / (256 * 4 * perThread))));
}

function rowsDispatch(scene: Scene, task: Task, space: Rows, source: Source): GpuDispatch {
  const length = source.kind === 'inputs' ? space.length : source.length;
  const lanes: Lanes[] = source.kind === 'inputs' && length % 4 === 0 ? [4, 1] : [1];
  const isLast = source.kind === 'partials' || source.parts === 1;
  return emitDispatch(scene, lanes, (e, width) => {
    const units = length / width;
    const threads = Math.min(256, Math.max(32, powerBelow(units)));
    const parts = source.kind === 'inputs' ? source.parts : 1;
    const perPart = Math.ceil(units / parts);
    e.line(`let number = ${foldedGroup};`);
    e.line(`let row = number / ${parts}u;`);
    e.line(`let part = number % ${parts}u;`);
    // A list of workgroups that is folded may have a few too many.
    e.line(`let first = part * ${perPart}u;`);
    e.line(`let last = select(0u, min(first + ${perPart}u, ${units}u), row < ${space.rows}u);`);
    const variables = startAccumulators(e, task, width);
    if (source.kind === 'inputs') {
      setPivots(e, task, variables, width, `min(row, ${space.rows - 1}u) * ${length}u`, new Map(), 1);
    }
    emitBraced(e, `for (var step = first + lane; step < last; step += ${threads}u)`, () => {
      if (source.kind === 'inputs') {
        e.line(`let at = row * ${units}u + step;`);
        addTerms(e, task, variables, (shape) => placeAt(shape, 'at', width, e.name), width);
      } else {
        const stride = space.rows * length;
        addPartials(
          e,
          task,
          variables,
          source.partials,
          1,
          (i) => `${i * stride}u + row * ${length}u + step`,
        );
      }
    });
    const single = width === 1 ? variables : joinLanes(e, task, variables);
    combineAcross(e, task, single, 1, threads, threads, 1, 'lane');
    emitBraced(e, `if (lane == 0u && row < ${space.rows}u)`, () => {
      if (isLast) finish(e, scene, task, single, 1, 'row');
      else {
        const stride = space.rows * parts;
        writePartials(e, task, single, source.partials!, 1, (i) => `${i * stride}u + row * ${parts}u + part`);
      }
    });
    return {
      label: labelFor(task, source),
      workgroups: foldedGroups(space.rows * parts),
      workgroupSize: threads,
    };
  });
}
