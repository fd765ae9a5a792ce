/**
 * Columns: [outer, rows, columns] → [outer, columns], the statistics of channels. Neighbouring threads take
 * neighbouring columns, so that they read memory in one piece; several rows of threads share a column's rows
 * and join in a tree.
 */
import type { GpuDispatch, GpuProgram } from '../../program.js';
import { emitBraced, emitDispatch, type Scene } from '../dispatch.js';
import { placeAt } from '../place.js';
import type { Space } from '../space.js';
import type { Lanes } from '../wgsl.js';
import { addTerms, finish, setPivots, startAccumulators } from './accumulate.js';
import { combineAcross } from './combine.js';
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

export type Columns = Extract<Space, { kind: 'columns' }>;

export function columnsProgram(scene: Scene, task: Task, space: Columns, name: string): GpuProgram {
  return inParts(task, columnParts(space, scene, task), name, (source) =>
    columnsDispatch(scene, task, space, source),
  );
}

/** Buffers that one dispatch for inputs, expressions after them, and all results would bind. */
function tooManyBuffers({ mostBuffers }: Scene, { running, after }: Task): boolean {
  return running.length * 3 + after.length * 2 > mostBuffers;
}

/** Partial sums of few columns lie side by side, so that several workgroups can share the second pass. */
const acrossPartials = 4;

/** Threads of a workgroup across columns and along rows. */
function columnShape(
  columns: number,
  kind: Source['kind'],
  { workgroupStorage }: Scene,
  { all }: Task,
): [number, number] {
  const across = kind === 'partials' ? Math.min(columns, acrossPartials) : columns <= 64 ? columns : 32;
  const combined = all.filter(({ shared }) => !shared).length;
  const most = Math.min(256, powerBelow(workgroupStorage / (combined * 16)));
  return [across, powerBelow(most / across)];
}

function columnParts(space: Columns, scene: Scene, task: Task): number {
  const units = Math.ceil(space.columns / (space.columns % 4 === 0 ? 4 : 1));
  const [across, along] = columnShape(units, 'inputs', scene, task);
  const groups = Math.ceil(units / across) * space.outer;
  const wanted = Math.min(mostParts, Math.ceil(enoughGroups / groups));
  const parts = Math.max(1, Math.min(wanted, Math.floor(space.rows / (along * perThread))));
  if (parts > 1 || !tooManyBuffers(scene, task)) return parts;
  return space.rows > 1 ? 2 : 1;
}

/** The walk over the terms, or over their partial sums. */
export function columnsDispatch(scene: Scene, task: Task, space: Columns, source: Source): GpuDispatch {
  const lanes: Lanes[] = space.columns % 4 === 0 ? [4, 1] : [1];
  const isLast = source.kind === 'partials' || source.parts === 1;
  return emitDispatch(scene, lanes, (e, width) => {
    const columns = space.columns / width;
    const [across, along] = columnShape(columns, source.kind, scene, task);
    const rows = source.kind === 'inputs' ? space.rows : source.length;
    const parts = source.kind === 'inputs' ? source.parts : 1;
    const perPart = Math.ceil(rows / parts);
    e.line(`let across = lane % ${across}u;`);
    e.line(`let along = lane / ${across}u;`);
    e.line(`let column = group.x * ${across}u + across;`);
    e.line('let outer = group.z;');
    e.line(`let first = group.y * ${perPart}u;`);
    e.line(`let last = min(first + ${perPart}u, ${rows}u);`);
    const variables = startAccumulators(e, task, width);
    emitBraced(e, `if (column < ${columns}u)`, () => {
      const known = new Map([[columns, 'column']]);
      if (source.kind === 'inputs') {
        setPivots(e, task, variables, width, `outer * ${space.rows * columns}u + column`, known);
      }
      emitBraced(e, `for (var row = first + along; row < last; row += ${along}u)`, () => {
        if (source.kind === 'inputs') {
          e.line(`let at = (outer * ${rows}u + row) * ${columns}u + column;`);
          addTerms(e, task, variables, (shape) => placeAt(shape, 'at', width, e.name, known), width);
        } else {
          const stride = space.outer * rows * columns;
          addPartials(
            e,
            task,
            variables,
            source.partials,
            width,
            (i) => `${i * stride}u + (outer * ${rows}u + row) * ${columns}u + column`,
          );
        }
      });
    });
    combineAcross(e, task, variables, width, across * along, along, across, 'along');
    emitBraced(e, `if (along == 0u && column < ${columns}u)`, () => {
      if (isLast) {
        e.line(`let result = outer * ${columns}u + column;`);
        finish(e, scene, task, variables, width, 'result', new Map([[columns, 'column']]));
      } else {
        const stride = space.outer * parts * columns;
        writePartials(
          e,
          task,
          variables,
          source.partials!,
          width,
          (i) => `${i * stride}u + (outer * ${parts}u + group.y) * ${columns}u + column`,
        );
      }
    });
    return {
      label: labelFor(task, source),
      workgroups: [Math.ceil(columns / across), parts, space.outer],
      workgroupSize: across * along,
    };
  });
}
