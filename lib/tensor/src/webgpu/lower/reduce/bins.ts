/**
 * Bins: items counted, or their weights added, into one of a few bins. A tile of items goes to the memory of
 * the workgroup; each thread owns a bin and a segment of the tile, looks at every item there, and adds those
 * that are its own. No atomics, so the order of the sums is fixed.
 */
import type { GpuProgram } from '../../program.js';
import { emitBraced, emitDispatch, type Scene } from '../dispatch.js';
import { placeAt } from '../place.js';
import { typeOfAccumulator } from '../reductions.js';
import type { Space } from '../space.js';
import { startAccumulators } from './accumulate.js';
import { columnsDispatch } from './columns.js';
import { mostParts, partialBytes, writePartials } from './parts.js';
import type { Task } from './task.js';

export function binsProgram(
  scene: Scene,
  task: Task,
  { items, bins }: Extract<Space, { kind: 'bins' }>,
  name: string,
): GpuProgram {
  const threads = 256;
  const wide = Math.min(threads, 2 ** Math.ceil(Math.log2(Math.max(1, bins))));
  const segments = threads / wide;
  const span = threads / segments;
  const tiles = Math.ceil(items / threads);
  const parts = Math.max(1, Math.min(mostParts, Math.floor(tiles / 4)));
  const perPart = Math.ceil(tiles / parts);
  const { index } = task.running[0]!.reduction;
  const count = emitDispatch(scene, [1], (e) => {
    const { values } = scene;
    e.declare(`var<workgroup> indices: array<i32, ${threads}>;`);
    const weights = task.running.map(({ reduction, accumulators }, i) => {
      const type = typeOfAccumulator(accumulators[0]!, 1);
      e.declare(`var<workgroup> sums${i}: array<${type}, ${threads}>;`);
      const number = reduction.input === undefined ? 1 : values.filling(values.base(reduction.input));
      const fixed = number === undefined ? undefined : `${type}(${number})`;
      return { type, fixed, reduction };
    });
    e.line(`let bin = i32(group.y * ${wide}u + lane % ${wide}u);`);
    e.line(`let segment = lane / ${wide}u * ${span}u;`);
    const variables = startAccumulators(e, task, 1);
    const loop = `for (var tile = group.x * ${perPart}u; tile < min((group.x + 1u) * ${perPart}u, ${tiles}u); tile++)`;
    emitBraced(e, loop, () => {
      e.line(`let item = tile * ${threads}u + lane;`);
      e.line('indices[lane] = -1;');
      emitBraced(e, `if (item < ${items}u)`, () => {
        const type = values.type(index!);
        const place = placeAt(type.shape, 'item', 1, e.name);
        const found = e.read(index!, place);
        e.line(`indices[lane] = ${type.dtype === 'int32' ? found : `i32(${found})`};`);
        weights.forEach(({ fixed, reduction }, i) => {
          if (fixed !== undefined) return;
          const { shape } = values.type(reduction.input!);
          e.line(`sums${i}[lane] = ${e.read(reduction.input!, placeAt(shape, 'item', 1, e.name))};`);
        });
      });
      e.line('workgroupBarrier();');
      emitBraced(e, `for (var step = segment; step < segment + ${span}u; step++)`, () => {
        e.line('let mine = indices[step] == bin;');
        weights.forEach(({ type, fixed }, i) => {
          e.line(`${variables[i]} += select(${type}(0), ${fixed ?? `sums${i}[step]`}, mine);`);
        });
      });
      e.line('workgroupBarrier();');
    });
    weights.forEach((_, i) => e.line(`sums${i}[lane] = ${variables[i]};`));
    e.line('workgroupBarrier();');
    emitBraced(e, `if (lane < ${wide}u && bin < ${bins})`, () => {
      emitBraced(e, `for (var step = lane + ${wide}u; step < ${threads}u; step += ${wide}u)`, () => {
        weights.forEach((_, i) => e.line(`${variables[i]} += sums${i}[step];`));
      });
      writePartials(
        e,
        task,
        variables,
        name,
        1,
        (i) => `${i * parts * bins}u + group.x * ${bins}u + u32(bin)`,
      );
    });
    return { label: task.label, workgroups: [parts, Math.ceil(bins / wide), 1], workgroupSize: threads };
  });
  const columns = { kind: 'columns', outer: 1, rows: parts, columns: bins } as const;
  const total = columnsDispatch(scene, task, columns, { kind: 'partials', partials: name, length: parts });
  return { dispatches: [count, total], scratch: { [name]: partialBytes(task, parts * bins) } };
}
