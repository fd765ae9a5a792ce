/** A group of expressions of one size: a thread for four neighbouring elements, or for one. */
import type { KernelNode, ValueId } from '../../ops/index.js';
import type { GpuDispatch } from '../program.js';
import { emitBraced, emitDispatch, type Scene } from './dispatch.js';
import { placeAt } from './place.js';
import { foldedGroup, foldedGroups } from './wgsl.js';

/** Below this many threads, small workgroups spread better over the processors. */
const fewThreads = 1 << 15;

export function mapDispatch(scene: Scene, outputs: readonly ValueId[]): GpuDispatch {
  const { values } = scene;
  const size = values.size(outputs[0]!);
  return emitDispatch(scene, size % 4 === 0 ? [4, 1] : [1], (e, lanes) => {
    const threads = size / lanes;
    const workgroupSize = threads < fewThreads ? 64 : 256;
    e.line(`let at = ${foldedGroup} * ${workgroupSize}u + lane;`);
    emitBraced(e, `if (at < ${threads}u)`, () => {
      for (const id of outputs) {
        const place = placeAt(values.type(id).shape, 'at', lanes, e.name);
        const text = e.name(e.compute(id, place));
        e.know(id, place, text);
        if (scene.storage.isNeeded(id)) e.write(id, place, text);
      }
    });
    return {
      label: mapLabel(scene, outputs),
      workgroups: foldedGroups(Math.ceil(threads / workgroupSize)),
      workgroupSize,
    };
  });
}

function mapLabel({ values }: Scene, outputs: readonly ValueId[]): string {
  const kernels = outputs.map((id) => (values.node(id) as KernelNode).kernel);
  return `map ${[...new Set(kernels)].join('+')} ${values.type(outputs[0]!).shape.join('×')}`;
}
