/**
 * An implicit product lowered to one dispatch, or two where the sum over k is split: a pass of partial sums
 * into scratch and one that adds them up, always in the same order, so that a program gives the same bits
 * every time.
 */
import { check } from 'oabn-base';
import type { Precision } from '../../engines/index.js';
import type { GpuDispatch, GpuFeatures, GpuProgram } from '../program.js';
import { fmaKernel, fmaStorage } from './fma.js';
import type { KernelPlan, Product } from './product.js';
import { reduceSplits } from './reduce.js';
import { matrixKernel, matrixStorage } from './subgroups.js';
import { chooseCut, fmaTiles, matrixTiles, type Tile } from './tile.js';

/** How a convolution or a product is computed. */
export interface ConvOptions {
  /**
   * Default `float32`. `float16`: operands are rounded to half precision when they are staged; sums and
   * results are float32.
   */
  readonly precision?: Precision;
  /** Use the matrix units that `features` has, for the precisions that they have. Default true. */
  readonly matrixUnits?: boolean;
  /** Overrides the tile that the rule in `tile.ts` chooses. */
  readonly tile?: Tile;
  /** Splits along k; overrides the rule's. */
  readonly splits?: number;
}

const mostWorkgroups = 65535;

/** @throws UserError when the device lacks what `options` ask for, or when a tensor is too large to index */
export function productProgram(product: Product, features: GpuFeatures, options: ConvOptions): GpuProgram {
  const { m, n, k, groups, result, label, epilogue } = product;
  const half = options.precision === 'float16';
  check(
    !half || features.f16,
    'float16 needs a GPU with the feature shader-f16, which this one lacks; use precision float32',
  );
  check(
    Math.max(result.size, m * k) > 0 && Math.max(product.a.size, product.b.size, result.size) < 2 ** 31,
    `${label}: tensors must hold 1 to 2³¹ − 1 numbers; use a smaller batch`,
  );
  const matrix = options.matrixUnits === false ? undefined : features.subgroupMatrix;
  const units = matrix && (matrix.component === 'f16') === half ? matrix : undefined;
  const lanes = units?.subgroupSize ?? 1;
  const storageOf = units
    ? (tile: Tile, buffers: 1 | 2) => matrixStorage(tile, product, units, buffers)
    : (tile: Tile, buffers: 1 | 2) => fmaStorage(tile, product, half, buffers);
  const candidates = units ? matrixTiles(units) : fmaTiles;
  const cut = chooseCut({ m, n, k, groups }, candidates, features, storageOf, lanes, options);
  const blocks = Math.ceil(m / cut.tile.m) * Math.ceil(n / cut.tile.n);
  const [width, layers] = [Math.min(blocks, mostWorkgroups), groups * cut.splits];
  check(layers <= mostWorkgroups, `${label}: ${groups} products at once are too many; use a smaller batch`);
  const columnsTogether = units !== undefined || product.b.along === 'lines';
  const plan: KernelPlan = { ...cut, product, half, width, columnsTogether };
  const split = cut.splits > 1;
  const partials = `${result.buffer}.partials`;
  const { m: tm, n: tn, k: tk } = cut.tile;
  const how = `${units ? 'matrix ' : ''}${half ? 'f16' : 'f32'} ${tm}×${tn}×${tk}${split ? ` in ${cut.splits}` : ''}`;
  const bias = epilogue.bias !== undefined && !split ? [epilogue.bias] : [];
  const main: GpuDispatch = {
    label: `${label}, ${how}`,
    wgsl: units ? matrixKernel(plan, units) : fmaKernel(plan),
    bindings: [product.a.buffer, product.b.buffer, split ? partials : result.buffer, ...bias],
    workgroups: [width, Math.ceil(blocks / width), layers],
  };
  if (!split) return { dispatches: [main], scratch: {} };
  const adding = reduceSplits(partials, cut.splits, product);
  return { dispatches: [main, adding], scratch: { [partials]: 4 * cut.splits * result.size } };
}
