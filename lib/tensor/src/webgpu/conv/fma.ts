/**
 * A product by fused multiply-adds: each thread keeps rows × columns sums in registers.
 *
 * Arithmetic intensity. A block of 128×128 reads 2·128 numbers from memory for 128² products a term, 64 for
 * every number, or 32 operations a byte: 15 TFLOP/s need 0.5 TB/s, which the L2 cache of a large card gives
 * several times over. From workgroup memory a thread with 8×8 sums reads four vec4 for 64 products; 32 lanes
 * read the same few addresses, laid out so that lanes which differ fall into different banks:
 *
 * - Operands along k keep four terms together, [row][k/4], the rows of a thread `threadRows` apart, so that
 *   neighbouring lanes read neighbouring rows. A row is padded to an odd number of vec4: 8 rows in 8 bank
 *   groups.
 * - Operands along lines keep four lines together, [k][line/4]: neighbouring lanes read neighbouring vec4.
 * - Where it divides, a subgroup of 32 is 8 lanes wide and 4 high: 12 different addresses a term instead of
 *   18.
 *
 * Registers. Sums, operands and indices are scalars and vec4 with names, and every loop but the one over
 * steps is written out: an array that is indexed by a variable would live in memory. 8×8 sums take 64
 * registers, operands 40, the numbers on their way and the indices some 30: 128 threads run three workgroups
 * at a time on 64 Ki registers.
 *
 * Latency. Step s+1 is fetched into registers before step s is computed and stored to the other of two
 * buffers after it: one barrier a step. Constant indices come first in the arrays of workgroup memory, so
 * that bounds checks fall on two indices that do not change within a step.
 *
 * In half precision operands are `vec4<f16>` in workgroup memory, and products and sums are float32: half the
 * memory and its traffic for a conversion of each number read. It is matrix units that make half precision
 * fast.
 */
import { declareBuffers, each, findBlock, finish, rowStart, vectorResult } from './frame.js';
import type { KernelPlan, Product } from './product.js';
import { overSteps, stage, type Walks } from './staging.js';
import { threadsOf, type Tile } from './tile.js';

const component = ['x', 'y', 'z', 'w'] as const;

/** vec4 of a row of four-term groups, with its padding. */
const paddedGroups = (k: number): number => (k / 4) | 1;

/** Bytes of workgroup memory. */
export function fmaStorage(
  { m, n, k }: Tile,
  { a, b }: Pick<Product, 'a' | 'b'>,
  half: boolean,
  buffers: number,
): number {
  const vectors = (along: 'k' | 'lines', lines: number): number =>
    along === 'k' ? lines * paddedGroups(k) : (k * lines) / 4;
  return (vectors(a.along, m) + vectors(b.along, n)) * (half ? 8 : 16) * buffers;
}

/** One side of the product: its name, its lines in a thread and how many threads share its tile. */
interface Side {
  readonly name: 'a' | 'b';
  readonly along: 'k' | 'lines';
  readonly lines: number;
  readonly threads: number;
  /** The thread's place among them. */
  readonly at: 'threadRow' | 'threadColumn';
}

/** The WGSL of the main dispatch. */
export function fmaKernel(plan: KernelPlan): string {
  const { product, tile, half, buffers } = plan;
  const [rows, columns] = tile.each;
  const [high, wide, threads] = [tile.m / rows, tile.n / columns, threadsOf(tile)];
  const a: Side = { name: 'a', along: product.a.along, lines: rows, threads: high, at: 'threadRow' };
  const b: Side = { name: 'b', along: product.b.along, lines: columns, threads: wide, at: 'threadColumn' };
  const walks: Walks = new Map();
  const stageA = stage('a', product.a, tile.m, tile.k, threads, 'firstRow', walks);
  const stageB = stage('b', product.b, tile.n, tile.k, threads, 'firstColumn', walks);
  const fetch = stageA.fetch + stageB.fetch;
  const advance = stageA.advance + stageB.advance;
  const store = (buffer: string): string =>
    [stageA.store(placeIn(a, buffer, half)), stageB.store(placeIn(b, buffer, half))].join('\n');
  const vectorSums = b.along === 'lines';
  const sums = each(rows, (r) =>
    each(vectorSums ? columns / 4 : columns, (c) => `  var s${r}_${c} = ${vectorSums ? 'vec4f()' : '0f'};`),
  );
  const loop = overSteps(buffers, {
    ...{ fetch, advance, store },
    compute: (buffer) => compute(a, b, tile, buffer, half),
  });
  return `${half ? 'enable f16;\n' : ''}${declareBuffers(plan)}
${tileMemory(a, tile.m, tile.k, buffers, half)}
${tileMemory(b, tile.n, tile.k, buffers, half)}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
${findBlock(plan)}
  let lane = i32(index);
${findThread(high, wide)}
${product.a.walk.once(tile.k)}
${stageA.before}
${stageB.before}
${sums}
${loop}
${writeSums(plan, a, b)}
}
`;
}

/** A thread's place in the block. */
function findThread(high: number, wide: number): string {
  if (wide % 8 !== 0 || high % 4 !== 0) {
    return `  let threadColumn = lane % ${wide};\n  let threadRow = lane / ${wide};`;
  }
  const across = wide / 8;
  return `  let threadColumn = (lane / 32) % ${across} * 8 + lane % 8;
  let threadRow = (lane / 32) / ${across} * 4 + lane % 32 / 8;`;
}

/**
 * Workgroup memory of a side, indexed [buffer][line group][thread][k/4] or [buffer][k][line group][thread].
 */
function tileMemory(
  { name, along, lines, threads }: Side,
  size: number,
  k: number,
  buffers: number,
  half: boolean,
): string {
  const vector = half ? 'vec4<f16>' : 'vec4f';
  const nested = (lengths: readonly number[]): string =>
    lengths.reduceRight((type, length) => `array<${type}, ${length}>`, vector);
  const shape = along === 'k' ? [lines, threads, paddedGroups(k)] : [k, size / threads / 4, threads];
  return `var<workgroup> ${name}Tile: ${nested([buffers, ...shape])};`;
}

/** Where a fetched piece goes. */
function placeIn({ name, along, threads }: Side, buffer: string, half: boolean) {
  return (line: string, term: string, value: string): string => {
    const stored = half ? `vec4<f16>(${value})` : value;
    const [outer, inner] =
      along === 'k'
        ? [`${line} / ${threads}][${line} % ${threads}`, `${term} / 4`]
        : [term, `${line} / 4 / ${threads}][${line} / 4 % ${threads}`];
    return `${name}Tile[${buffer}][${outer}][${inner}] = ${stored};`;
  };
}

/** One step: all terms of the staged tiles, written out. */
function compute(a: Side, b: Side, { k }: Tile, buffer: string, half: boolean): string {
  const read = (text: string): string => (half ? `vec4f(${text})` : text);
  const loadGroup = ({ name, along, lines, at }: Side, group: number): string =>
    along === 'k'
      ? each(
          lines,
          (l) => `    let ${name}k${group}_${l} = ${read(`${name}Tile[${buffer}][${l}][${at}][${group}]`)};`,
        )
      : '';
  const loadTerm = ({ name, along, lines, at }: Side, term: number): string =>
    along === 'k'
      ? ''
      : each(
          lines / 4,
          (g) => `    let ${name}t${term}_${g} = ${read(`${name}Tile[${buffer}][${term}][${g}][${at}]`)};`,
        );
  /** Line `l` of a side at a term, a scalar. */
  const scalar = ({ name, along }: Side, l: number, term: number): string =>
    along === 'k'
      ? `${name}k${Math.floor(term / 4)}_${l}.${component[term % 4]}`
      : `${name}t${term}_${Math.floor(l / 4)}.${component[l % 4]}`;
  const multiply = (term: number): string =>
    each(a.lines, (r) =>
      b.along === 'lines'
        ? each(
            b.lines / 4,
            (c) => `    s${r}_${c} = fma(vec4f(${scalar(a, r, term)}), bt${term}_${c}, s${r}_${c});`,
          )
        : each(
            b.lines,
            (c) => `    s${r}_${c} = fma(${scalar(a, r, term)}, ${scalar(b, c, term)}, s${r}_${c});`,
          ),
    );
  return each(k / 4, (group) =>
    [
      loadGroup(a, group),
      loadGroup(b, group),
      ...[0, 1, 2, 3].flatMap((t) => [
        loadTerm(a, group * 4 + t),
        loadTerm(b, group * 4 + t),
        multiply(group * 4 + t),
      ]),
    ]
      .filter((text) => text !== '')
      .join('\n'),
  );
}

/** Line `l` of a thread in the tile: the inverse of the order in workgroup memory. */
const lineOf = ({ along, threads, at }: Side, l: number): string =>
  along === 'k' ? `${l * threads} + ${at}` : `(${Math.floor(l / 4) * threads} + ${at}) * 4 + ${l % 4}`;

function writeSums(plan: KernelPlan, a: Side, b: Side): string {
  const { n } = plan.product;
  const writeOne = (sum: string, c: number): string =>
    `if (column + ${c} < ${n}) { result[start + column + ${c}] = ${finish(plan, sum, `biasSource[column + ${c}]`, 1)}; }`;
  const writeFour = (r: number, g: number): string => {
    const bias = `vec4f(${each(4, (i) => `biasSource[column + ${i}]`, ', ')})`;
    return `if (column < ${n}) { result[(start + column) >> 2u] = ${finish(plan, `s${r}_${g}`, bias, 4)}; }`;
  };
  const writeGroup = (r: number, g: number): string => {
    const writes = vectorResult(plan)
      ? writeFour(r, g)
      : each(4, (i) => writeOne(`s${r}_${g}.${component[i]}`, i), '\n        ');
    return `      {
        let column = firstColumn + ${lineOf(b, g * 4)};
        ${writes}
      }`;
  };
  const writeLine = (r: number, c: number): string => `      {
        let column = firstColumn + ${lineOf(b, c)};
        ${writeOne(`s${r}_${c}`, 0)}
      }`;
  return each(
    a.lines,
    (r) => `  {
    let row_${r} = firstRow + ${lineOf(a, r)};
${plan.product.result.row(`r${r}`, `row_${r}`)}
    if (in_r${r}) {
      let start = ${rowStart(plan, `r${r}`)};
${b.along === 'lines' ? each(b.lines / 4, (g) => writeGroup(r, g)) : each(b.lines, (c) => writeLine(r, c))}
    }
  }`,
  );
}
