/** Expressions of the same size that read the same tensors, or each other, go together. */
import type { ValueId } from '../../../ops/index.js';
import type { Pending, Step } from './pending.js';

/** Expressions up to this size go together even if they read nothing in common. */
const smallMap = 1 << 14;

/** The first expression that is free, with all that can go with it. */
export function expressionsTogether(pending: Pending, free: readonly ValueId[]): readonly Step[] {
  const seed = free.find((id) => pending.way(id) === 'map');
  if (seed === undefined) return [];
  const outputs = chooseMaps(pending, seed);
  return [{ group: { kind: 'map', outputs }, done: outputs, made: outputs }];
}

function chooseMaps(pending: Pending, seed: ValueId): ValueId[] {
  const { canRun, limits, needs, readBuffers, readsInPlace, values, waiting, way, writtenBuffers } = pending;
  const size = values.size(seed);
  const chosen = [seed];
  const inside = new Set(chosen);
  const read = new Set(needs(seed));
  for (const id of waiting) {
    if (inside.has(id) || way(id) !== 'map' || values.size(id) !== size) continue;
    const own = needs(id);
    const isRelated = (leaf: ValueId): boolean =>
      inside.has(leaf) || (read.has(leaf) && values.size(leaf) * 4 >= size);
    if (size > smallMap && !own.some(isRelated)) continue;
    if (!canRun(id, inside) || !readsInPlace(id, inside)) continue;
    const next = [...chosen, id];
    if (readBuffers(next) + writtenBuffers(next) > limits.buffers) continue;
    chosen.push(id);
    inside.add(id);
    own.forEach((leaf) => read.add(leaf));
  }
  return chosen;
}
