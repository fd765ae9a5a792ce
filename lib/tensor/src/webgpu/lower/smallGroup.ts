/**
 * Small kernels in one workgroup: a level of them, a barrier, the next level. A dispatch of its own for each
 * would cost more than what they compute.
 */
import type { GpuDispatch } from '../program.js';
import { emitBraced, emitDispatch, type Scene } from './dispatch.js';
import type { Emitter } from './emitter.js';
import { itemsOf } from './kernelGroup.js';
import { placeAt } from './place.js';
import { smallReduction } from './reduce/index.js';
import type { SmallStep } from './schedule/index.js';

const threads = 256;

export function smallDispatch(scene: Scene, levels: readonly (readonly SmallStep[])[]): GpuDispatch {
  return emitDispatch(scene, [1], (e) => {
    levels.forEach((steps, i) => {
      if (i > 0) {
        e.line('storageBarrier();');
        e.line('workgroupBarrier();');
      }
      for (const step of steps) writeStep(e, scene, step);
    });
    const count = levels.flat().length;
    return {
      label: `small ${labelOf(levels.flat())}, ${count} kernels`,
      workgroups: [1, 1, 1],
      workgroupSize: threads,
    };
  });
}

function writeStep(e: Emitter, scene: Scene, step: SmallStep): void {
  const { values, storage } = scene;
  switch (step.kind) {
    case 'map': {
      const { shape } = values.type(step.id);
      forEach(e, 'at', values.size(step.id), () => {
        const place = placeAt(shape, 'at', 1, e.name);
        const text = e.compute(step.id, place);
        if (storage.isNeeded(step.id)) e.write(step.id, place, text);
      });
      return;
    }
    case 'reduce': {
      const { count, write } = smallReduction(scene, step.reduction);
      forEach(e, 'result', count, () => write(e));
      return;
    }
    case 'kernel': {
      const { count, write } = itemsOf(scene, step.node);
      forEach(e, 'at', count, () => write(e, 'at'));
      return;
    }
    default:
      step satisfies never;
  }
}

function forEach(e: Emitter, name: string, count: number, work: () => void): void {
  emitBraced(e, `for (var ${name} = lane; ${name} < ${count}u; ${name} += ${threads}u)`, work);
}

function labelOf(steps: readonly SmallStep[]): string {
  const names = steps.map((step) => {
    if (step.kind === 'map') return 'map';
    return step.kind === 'reduce' ? step.reduction.operation : step.node.kernel;
  });
  return [...new Set(names)].join('+');
}
