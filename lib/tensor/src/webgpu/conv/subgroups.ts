/**
 * A product by matrix units: a subgroup multiplies and adds whole small matrices, as Dawn's experimental
 * extension of WGSL gives them (docs/dawn/features/subgroup_matrix.md in Dawn's sources;
 * VK_KHR_cooperative_matrix below it).
 *
 * Operands are rounded to the units' type on their way into workgroup memory, where matrices are loaded from;
 * sums stay in the units' registers and leave through workgroup memory, a matrix of each subgroup at a time,
 * because the last rows and columns of a tensor seldom fill a matrix, and the epilogue works on numbers.
 *
 * Intensity. With 16×16×16 matrices and 64×32 results a subgroup loads 4 + 2 matrices for 8 products; a block
 * of 128×128 and 32 terms reads 32 KiB of float32 for 2²⁰ operations, 32 a byte: 60 TFLOP/s take 2 TB/s out
 * of L2. Eight subgroups of 32 keep 8 matrices of sums each, 64 registers a lane. Rows in workgroup memory
 * are padded by 16 bytes, so that the 16 rows of a matrix begin in different banks, and stay aligned for
 * loads of 16 bytes.
 *
 * A workgroup must be a multiple of the largest subgroup, and which lanes form subgroup i is not told: all
 * work is given out by `subgroup_id` and `subgroup_invocation_id`, never by the index in the workgroup.
 */
import type { SubgroupMatrix } from '../program.js';
import { declareBuffers, each, findBlock, finish, rowStart, vectorResult } from './frame.js';
import type { KernelPlan, Product } from './product.js';
import { overSteps, stage, type Walks } from './staging.js';
import { threadsOf, type Tile } from './tile.js';

/** Bytes that a row in workgroup memory is longer than its numbers. */
const padding = 16;

const sizeOf = (type: SubgroupMatrix['component']): number => (type === 'f16' ? 2 : 4);

/** How an operand's tile lies in workgroup memory, in vec4: lines × k as in the tensor. */
function layoutOf(along: 'k' | 'lines', lines: number, k: number, { component }: SubgroupMatrix): Layout {
  const [across, down] = along === 'k' ? [k, lines] : [lines, k];
  const stride = across / 4 + padding / (4 * sizeOf(component));
  return { stride, length: down * stride };
}

interface Layout {
  readonly stride: number;
  readonly length: number;
}

/** Bytes of workgroup memory. */
export function matrixStorage(
  tile: Tile,
  { a, b }: Pick<Product, 'a' | 'b'>,
  units: SubgroupMatrix,
  buffers: number,
): number {
  const { m, n, k } = tile;
  const vectors = layoutOf(a.along, m, k, units).length + layoutOf(b.along, n, k, units).length;
  const subgroups = threadsOf(tile, 1);
  return (
    buffers * vectors * 4 * sizeOf(units.component) + subgroups * units.m * units.n * sizeOf(units.result)
  );
}

/** The WGSL of the main dispatch. */
export function matrixKernel(plan: KernelPlan, units: SubgroupMatrix): string {
  const { product, tile, buffers } = plan;
  const { component, result, subgroupSize } = units;
  const [rows, columns] = tile.each;
  const wide = tile.n / columns;
  const [threads, subgroups] = [threadsOf(tile, subgroupSize), threadsOf(tile)];
  const [a, b] = [
    layoutOf(product.a.along, tile.m, tile.k, units),
    layoutOf(product.b.along, tile.n, tile.k, units),
  ];
  const walks: Walks = new Map();
  const stageA = stage('a', product.a, tile.m, tile.k, threads, 'firstRow', walks);
  const stageB = stage('b', product.b, tile.n, tile.k, threads, 'firstColumn', walks);
  const fetch = stageA.fetch + stageB.fetch;
  const advance = stageA.advance + stageB.advance;
  /** A piece's place in the tile that begins at `base`. */
  const place =
    (name: string, along: 'k' | 'lines', stride: number, base: string) =>
    (line: string, term: string, value: string): string => {
      const [outer, inner] = along === 'k' ? [line, term] : [term, line];
      return `${name}Tile[${base} + ${outer} * ${stride} + ${inner} / 4] = vec4<${component}>(${value});`;
    };
  const store = (buffer: string): string =>
    [
      stageA.store(place('a', product.a.along, a.stride, `${buffer} * ${a.length}`)),
      stageB.store(place('b', product.b.along, b.stride, `${buffer} * ${b.length}`)),
    ].join('\n');
  const compute = (buffer: string): string =>
    multiply(product, tile, units, a, b, `u32(${buffer}) * ${a.length}u`, `u32(${buffer}) * ${b.length}u`);
  const sums = each(rows / units.m, (i) =>
    each(
      columns / units.n,
      (j) => `  var s${i}_${j} = subgroup_matrix_result<${result}, ${units.n}, ${units.m}>();`,
    ),
  );
  const loop = overSteps(buffers, { fetch, advance, store, compute });
  const half = component === 'f16' || result === 'f16' ? 'enable f16;\n' : '';
  return `${half}enable subgroups;
enable chromium_experimental_subgroup_matrix;
${declareBuffers(plan)}
var<workgroup> aTile: array<vec4<${component}>, ${buffers * a.length}>;
var<workgroup> bTile: array<vec4<${component}>, ${buffers * b.length}>;
var<workgroup> sums: array<${result}, ${subgroups * units.m * units.n}>;

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) member: u32,
) {
${findBlock(plan)}
  let lane = i32(index);
  let subgroupRow = subgroup / ${wide}u * ${rows}u;
  let subgroupColumn = subgroup % ${wide}u * ${columns}u;
${product.a.walk.once(tile.k)}
${stageA.before}
${stageB.before}
${sums}
${loop}
${writeSums(plan, units)}
}
`;
}

/** One step: the subgroup's products of all terms of the staged tiles. */
function multiply(
  { a, b }: Product,
  { k, each: [rows, columns] }: Tile,
  units: SubgroupMatrix,
  aLayout: Layout,
  bLayout: Layout,
  aBase: string,
  bBase: string,
): string {
  const [high, wide] = [rows / units.m, columns / units.n];
  /** Where a matrix begins, in vec4. */
  const at = (along: 'k' | 'lines', stride: number, line: string, term: number): string =>
    along === 'k' ? `(${line}) * ${stride}u + ${term / 4}u` : `${term * stride}u + (${line}) / 4u`;
  const left = `subgroup_matrix_left<${units.component}, ${units.k}, ${units.m}>`;
  const right = `subgroup_matrix_right<${units.component}, ${units.n}, ${units.k}>`;
  const orders = [a.along === 'k' ? 'row_major' : 'col_major', b.along === 'k' ? 'col_major' : 'row_major'];
  return each(k / units.k, (t) => {
    const lefts = each(high, (i) => {
      const offset = at(a.along, aLayout.stride, `subgroupRow + ${i * units.m}u`, t * units.k);
      return `    let l${t}_${i} = subgroupMatrixLoad<${left}, ${orders[0]}>(&aTile, ${aBase} + ${offset}, ${aLayout.stride}u);`;
    });
    const rights = each(wide, (j) => {
      const offset = at(b.along, bLayout.stride, `subgroupColumn + ${j * units.n}u`, t * units.k);
      const products = each(
        high,
        (i) => `    s${i}_${j} = subgroupMatrixMultiplyAccumulate(l${t}_${i}, r${t}_${j}, s${i}_${j});`,
      );
      return `    let r${t}_${j} = subgroupMatrixLoad<${right}, ${orders[1]}>(&bTile, ${bBase} + ${offset}, ${bLayout.stride}u);\n${products}`;
    });
    return `${lefts}\n${rights}`;
  });
}

/** Each subgroup's matrices, one after the other, through workgroup memory to the result. */
function writeSums(plan: KernelPlan, units: SubgroupMatrix): string {
  const { product, tile } = plan;
  const [high, wide] = [tile.each[0] / units.m, tile.each[1] / units.n];
  const numbers = units.m * units.n;
  const pieces = numbers / 4;
  const across = units.n / 4;
  const count = Math.ceil(pieces / units.subgroupSize);
  const piece = (p: number): string => `(i32(member) + ${p * units.subgroupSize})`;
  const guard = (p: number): string =>
    (p + 1) * units.subgroupSize > pieces ? `${piece(p)} < ${pieces} && ` : '';
  const rowsOf = (i: number): string =>
    each(count, (p) => {
      const id = `r${i}_${p}`;
      return `    let row_${id} = firstRow + i32(subgroupRow) + ${i * units.m} + ${piece(p)} / ${across};
${product.result.row(id, `row_${id}`)}
    let start_${id} = ${rowStart(plan, id)};`;
    });
  const writePiece = (i: number, j: number, p: number): string => {
    const column = `firstColumn + i32(subgroupColumn) + ${j * units.n} + ${piece(p)} % ${across} * 4`;
    const from = `i32(subgroup) * ${numbers} + ${piece(p)} * 4`;
    const number = (e: number): string =>
      finish(plan, `f32(sums[source + ${e}])`, `biasSource[column + ${e}]`, 1);
    const writes = vectorResult(plan)
      ? `if (column < ${product.n}) { result[(start_r${i}_${p} + column) >> 2u] = vec4f(${each(4, number, ', ')}); }`
      : each(
          4,
          (e) =>
            `if (column + ${e} < ${product.n}) { result[start_r${i}_${p} + column + ${e}] = ${number(e)}; }`,
          '\n        ',
        );
    return `      if (${guard(p)}in_r${i}_${p}) {
        let column = ${column};
        let source = ${from};
        ${writes}
      }`;
  };
  return each(
    high,
    (i) => `  {
${rowsOf(i)}
${each(
  wide,
  (j) => `    {
      subgroupMatrixStore<row_major>(&sums, subgroup * ${numbers}u, s${i}_${j}, ${units.n}u);
      workgroupBarrier();
${each(count, (p) => writePiece(i, j, p))}
      workgroupBarrier();
    }`,
)}
  }`,
  );
}
