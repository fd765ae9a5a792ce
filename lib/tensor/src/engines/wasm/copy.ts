/**
 * Copies between strided layouts: what Slice, Concat, Tile, StridedSlice and the interleaving of convolution
 * phases have in common. The innermost run is contiguous or one repeated number; two loops around it run in
 * WebAssembly and any further ones here.
 */
import { advance, defineFunction, i32, repeat, v128 } from './assembler.js';
import { type BackendWasm, simdModule } from './simd.js';

/** One dimension of a copy, in elements; `source` is 0 where a value repeats. */
export interface CopyDimension {
  readonly size: number;
  readonly source: number;
  readonly target: number;
}

/** Copies 32-bit elements from one address to another; `dimensions` from the outermost to the innermost. */
export function copyStrided(
  backend: BackendWasm,
  source: number,
  target: number,
  dimensions: readonly CopyDimension[],
): void {
  if (dimensions.some(({ size }) => size === 0)) return;
  const merged = merge(dimensions);
  const last = merged.at(-1);
  const runs = last !== undefined && last.target === 1 && (last.source === 0 || last.source === 1);
  const run = runs ? merged.pop()! : { size: 1, source: 1, target: 1 };
  const inner = merged.pop() ?? { size: 1, source: 0, target: 0 };
  const outer = merged.pop() ?? { size: 1, source: 0, target: 0 };
  const copy = copies(backend)[run.source === 1 ? 'copy' : 'spread']!;
  const visit = (depth: number, from: number, to: number): void => {
    const dimension = merged[depth];
    if (dimension) {
      for (let i = 0; i < dimension.size; i++) {
        visit(depth + 1, from + 4 * i * dimension.source, to + 4 * i * dimension.target);
      }
      return;
    }
    const strides = [outer.source, outer.target, inner.source, inner.target].map((stride) => 4 * stride);
    copy(from, to, outer.size, inner.size, run.size >> 2, run.size & 3, ...strides);
  };
  visit(0, source, target);
}

/** Drops dimensions of size 1 and joins neighbours that one stride describes. */
function merge(dimensions: readonly CopyDimension[]): CopyDimension[] {
  const merged: CopyDimension[] = [];
  for (const dimension of dimensions) {
    if (dimension.size === 1) continue;
    const outer = merged.at(-1);
    const joins =
      outer &&
      outer.source === dimension.source * dimension.size &&
      outer.target === dimension.target * dimension.size;
    if (joins) merged.pop();
    merged.push(joins ? { ...dimension, size: outer.size * dimension.size } : dimension);
  }
  return merged;
}

const copies = simdModule(() => [copyFunction('copy'), copyFunction('spread')]);

/**
 * `copy` moves runs of 4·vectors + rest elements; `spread` fills each run with the one element at its source.
 */
function copyFunction(name: 'copy' | 'spread') {
  const parameters = ['from', 'to', 'outer', 'inner', 'vectors', 'rest'];
  const strides = ['fromOuter', 'toOuter', 'fromInner', 'toInner'];
  return defineFunction(name, [...parameters, ...strides], (p, local) => {
    const counters = [local('i32'), local('i32'), local('i32'), local('i32')] as const;
    const [fromInner, toInner, from, to] = [local('i32'), local('i32'), local('i32'), local('i32')];
    const value = local('v128');
    const spread = name === 'spread';
    const step = (bytes: number): number[][] => [
      ...(spread ? [] : [[...advance(from, bytes)]]),
      [...advance(to, bytes)],
    ];
    const run = [
      from.set(fromInner),
      to.set(toInner),
      ...(spread ? [value.set(v128.loadSplat(from))] : []),
      repeat(counters[0], p.vectors!, [v128.store(to, spread ? value : v128.load(from)), ...step(16)]),
      repeat(counters[1], p.rest!, [
        spread ? v128.storeFirst(to, value) : i32.store(to, i32.load(from)),
        ...step(4),
      ]),
    ];
    return [
      repeat(counters[2], p.outer!, [
        fromInner.set(p.from!),
        toInner.set(p.to!),
        repeat(counters[3], p.inner!, [
          ...run,
          advance(fromInner, p.fromInner!),
          advance(toInner, p.toInner!),
        ]),
        advance(p.from!, p.fromOuter!),
        advance(p.to!, p.toOuter!),
      ]),
    ];
  });
}
