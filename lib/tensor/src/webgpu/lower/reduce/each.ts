/**
 * Each: one thread walks over all terms of a result, for short rows and for axes that alternate. Nothing is
 * joined, so the same walk can be a part of a dispatch of small kernels.
 */
import type { GpuProgram } from '../../program.js';
import { emitBraced, emitDispatch, type Scene } from '../dispatch.js';
import type { Emitter } from '../emitter.js';
import { type Place, placeAt, placeOf } from '../place.js';
import type { Reduction } from '../reductions.js';
import { resultSize, type Space } from '../space.js';
import { foldedGroup, foldedGroups } from '../wgsl.js';
import { addTerms, finish, setPivotsAt, startAccumulators } from './accumulate.js';
import { type Task, taskOf } from './task.js';

type Each = Extract<Space, { kind: 'each' }>;

export function eachProgram(scene: Scene, task: Task, space: Each): GpuProgram {
  const size = resultSize(space);
  const dispatch = emitDispatch(scene, [1], (e) => {
    e.line(`let result = ${foldedGroup} * 64u + lane;`);
    emitBraced(e, `if (result < ${size}u)`, () => writeEach(e, scene, task, space));
    return { label: task.label, workgroups: foldedGroups(Math.ceil(size / 64)), workgroupSize: 64 };
  });
  return { dispatches: [dispatch], scratch: {} };
}

/** The work on the result whose number is called `result`. */
function writeEach(e: Emitter, scene: Scene, task: Task, { shape, axes }: Each): void {
  const reducedShape = axes.map((axis) => shape[axis]!);
  const keptShape = shape.filter((_, axis) => !axes.includes(axis));
  const length = reducedShape.reduce((product, n) => product * n, 1);
  const kept = placeAt(keptShape, 'result', 1, e.name).coordinates();
  const variables = startAccumulators(e, task, 1);
  const at = (step: string): Place => {
    const reduced = placeAt(reducedShape, step, 1, e.name).coordinates();
    let [i, j] = [0, 0];
    const own = shape.map((_, axis) => (axes.includes(axis) ? reduced[i++]! : kept[j++]!));
    return placeOf(shape, own, 1, e.name);
  };
  setPivotsAt(e, task, variables, 1, () => at('0u'));
  emitBraced(e, `for (var step = 0u; step < ${length}u; step++)`, () => {
    addTerms(e, task, variables, () => at('step'), 1, 'step');
  });
  finish(e, scene, task, variables, 1, 'result');
}

/** A small reduction as part of a dispatch: `write` is for the result whose number is called `result`. */
export function smallReduction(
  scene: Scene,
  reduction: Reduction,
): { count: number; write: (e: Emitter) => void } {
  const { shape, axes } = reduction;
  const space = { kind: 'each', shape, axes } as const;
  const task = taskOf(scene, { kind: 'reduce', space, reductions: [reduction], after: [] });
  return { count: resultSize(space), write: (e) => writeEach(e, scene, task, space) };
}
