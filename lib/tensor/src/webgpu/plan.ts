/**
 * Which scratch values share memory. A value lives from the dispatch that writes it first to the one that
 * reads it last; buffers of values that have died are reused, the best fit first.
 */
import type { GpuProgram } from './program.js';

export interface BufferPlan {
  /** Bytes of each buffer. */
  readonly sizes: readonly number[];
  /** The buffer of each scratch name. */
  readonly bufferOf: ReadonlyMap<string, number>;
}

/** A buffer is reused for values of at least this share of its size. */
const leastShare = 0.5;

export function planBuffers({ dispatches, scratch }: GpuProgram): BufferPlan {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  dispatches.forEach(({ bindings }, i) => {
    for (const name of bindings) {
      if (!(name in scratch)) continue;
      if (!first.has(name)) first.set(name, i);
      last.set(name, i);
    }
  });
  const sizes: number[] = [];
  const free = new Set<number>();
  const bufferOf = new Map<string, number>();
  dispatches.forEach(({ bindings }, i) => {
    const names = [...new Set(bindings)].filter((name) => name in scratch);
    // The largest chooses first, so that small ones do not take what it needs.
    const begin = names.filter((name) => first.get(name) === i).sort((a, b) => scratch[b]! - scratch[a]!);
    for (const name of begin) {
      const bytes = scratch[name]!;
      const fitting = [...free].filter((j) => sizes[j]! >= bytes && bytes >= sizes[j]! * leastShare);
      const best = fitting.sort((a, b) => sizes[a]! - sizes[b]!)[0];
      if (best === undefined) sizes.push(bytes);
      else free.delete(best);
      bufferOf.set(name, best ?? sizes.length - 1);
    }
    // What a dispatch reads must not be what it writes, so what dies here is free from the next one on.
    for (const name of names) if (last.get(name) === i) free.add(bufferOf.get(name)!);
  });
  return { sizes, bufferOf };
}
