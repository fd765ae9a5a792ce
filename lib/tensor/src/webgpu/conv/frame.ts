/**
 * The parts that the kernels of a product have in common: bindings, which block a workgroup computes, the
 * results.
 */
import { atLeast, type Lanes, nanFunctions } from '../extremes.js';
import type { Epilogue, KernelPlan } from './product.js';

/**
 * WGSL of the buffers, in the order of the dispatch's bindings. Results are written as vec4 where rows allow
 * it.
 */
export function declareBuffers(plan: KernelPlan): string {
  const type = (vector: boolean): string => (vector ? 'vec4f' : 'f32');
  const { a, b, epilogue } = plan.product;
  const bias =
    epilogue.bias !== undefined && plan.splits === 1
      ? '\n@group(0) @binding(3) var<storage, read> biasSource: array<f32>;'
      : '';
  return `@group(0) @binding(0) var<storage, read> aSource: array<${type(a.vector)}>;
@group(0) @binding(1) var<storage, read> bSource: array<${type(b.vector)}>;
@group(0) @binding(2) var<storage, read_write> result: array<${type(vectorResult(plan))}>;${bias}
${epilogueFunctions(epilogue)}`;
}

/**
 * WGSL that opens `main`'s body: `firstRow` and `firstColumn` of the block, `part` and
 * `slice` (its group and split), `firstTerm` and `steps`. All are the same for the whole workgroup.
 */
export function findBlock({ product, tile, splits, steps, width }: KernelPlan): string {
  const [rows, columns] = [Math.ceil(product.m / tile.m), Math.ceil(product.n / tile.n)];
  const blocks = rows * columns;
  const block = blocks > width ? `i32(group.x + group.y * ${width}u)` : 'i32(group.x)';
  const guard = blocks > width ? `\n  if (block >= ${blocks}) { return; }` : '';
  const stepsHere = product.depth
    ? `clamp((${product.depth} + ${tile.k - 1}) / ${tile.k} - slice * ${steps}, 0, ${steps})`
    : `${steps}`;
  return `  let block = ${block};${guard}
  let firstRow = block / ${columns} * ${tile.m};
  let firstColumn = block % ${columns} * ${tile.n};
  let part = i32(group.z) % ${product.groups};
  let slice = i32(group.z) / ${product.groups};
${product.ofGroup ?? ''}
  let firstTerm = ${splits > 1 ? `slice * ${steps * tile.k}` : '0'};
  let steps = ${stepsHere};`;
}

/** The address of row `id`, within the partial sums of this split. */
export const rowStart = ({ product, splits }: KernelPlan, id: string): string =>
  splits > 1 ? `slice * ${product.result.size} + at_${id}` : `at_${id}`;

/** Whether four columns are written at once: rows of whole vec4, and a kernel that has them side by side. */
export const vectorResult = ({ product, columnsTogether }: KernelPlan): boolean =>
  columnsTogether && product.n % 4 === 0;

/**
 * A finished sum: bias added, negative values cut. Partial sums stay as they are.
 * `value` and `bias` are WGSL, of one number or a vector of four.
 */
export function finish({ product, splits }: KernelPlan, value: string, bias: string, lanes: Lanes): string {
  return splits > 1 ? value : epilogueOf(product.epilogue, value, bias, lanes);
}

/** What the text of {@link epilogueOf} calls. */
export const epilogueFunctions = ({ relu }: Epilogue): string => (relu ? nanFunctions : '');

export function epilogueOf({ bias: has, relu }: Epilogue, value: string, bias: string, lanes: Lanes): string {
  const sum = has !== undefined ? `${value} + ${bias}` : value;
  return relu ? atLeast(sum, lanes === 4 ? 'vec4f()' : '0f', lanes) : sum;
}

/** Text of `count` pieces, in order. */
export const each = (count: number, text: (i: number) => string, separator = '\n'): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator);
