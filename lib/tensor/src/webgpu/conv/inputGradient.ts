/**
 * The gradient of a convolution in its input: rows of the product are input pixels, terms are (tap, output
 * channel).
 *
 * A tap of an input pixel reaches an output pixel only if the stride divides their distance, y + pad − tap ·
 * dilation. Whether it does depends on y modulo the stride alone. So the pixels are taken in phases, one for
 * each remainder of y and of x, and a phase walks over its own taps: with g = gcd(stride, dilation) these are
 * every (stride / g)-th from the first that fits, and from one to the next the output pixel moves back by
 * dilation / g. With stride 1 there is one phase with all taps: the convolution with the flipped kernel. A
 * phase without taps writes zeros.
 */
import type { Geometry } from '../../ops/index.js';
import type { GpuFeatures, GpuProgram } from '../program.js';
import { checkGeometry, describe, isMatrixProduct, pixelLine, pixelTerm } from './geometry.js';
import { matrixProgram } from './matMul.js';
import { type Operand, tapWalk } from './operands.js';
import { type ConvOptions, productProgram } from './productProgram.js';

/** Names of buffers. */
export interface InputGradientBuffers {
  /** [N,H,W,out] */
  readonly dy: string;
  /** [H,W,in,out] */
  readonly kernel: string;
  /** [N,H,W,in], written. */
  readonly dx: string;
}

/**
 * The gradient of a convolution for its input [N,H,W,in], from dy [N,H',W',out] and the kernel
 * [kh,kw,in,out].
 * @throws UserError for shapes that do not fit together, or when the device lacks what `options` ask for
 */
export function convInputGradient(
  geometry: Geometry,
  { dy, kernel, dx }: InputGradientBuffers,
  features: GpuFeatures,
  options: ConvOptions = {},
): GpuProgram {
  const { images, height, width, channels, outHeight, outWidth, filters, taps } = checkGeometry(geometry);
  const label = `conv ${describe(geometry)} input gradient`;
  if (isMatrixProduct(geometry)) {
    const shape = { m: images * height * width, n: channels, k: filters, transposeB: true };
    return matrixProgram(shape, { a: dy, b: kernel, c: dx }, label, features, options);
  }
  const { strides, dilations, pads } = geometry;
  const [rows, columns] = [0, 1].map((axis) =>
    phasesOf(taps[axis]!, strides[axis]!, dilations[axis]!, pads[axis]!),
  ) as [Phase[], Phase[]];
  // The rows of the product are those of the largest phase; the others leave some out.
  const grid = [images, Math.ceil(height / strides[0]), Math.ceil(width / strides[1])] as const;
  const most = (phases: readonly Phase[]): number => Math.max(...phases.map(({ count }) => count));
  const [stepY, stepX] = [0, 1].map((axis) => strides[axis]! / gcd(strides[axis]!, dilations[axis]!));
  const back = [0, 1].map((axis) => -dilations[axis]! / gcd(strides[axis]!, dilations[axis]!));
  const gradients: Operand = {
    buffer: dy,
    size: images * outHeight * outWidth * filters,
    along: 'k',
    vector: filters % 4 === 0,
    walk: tapWalk(filters),
    image: { height: outHeight, width: outWidth },
    line: (id, line) =>
      pixelLine(id, line, {
        grid,
        strides: [1, 1],
        begin: ['beginY', 'beginX'],
        image: [outHeight, outWidth, filters],
      }),
    term: (id, walk) => pixelTerm(id, walk, [`${back[0]}`, `${back[1]}`], outWidth, filters),
  };
  const weights: Operand = {
    buffer: kernel,
    size: taps[0] * taps[1] * channels * filters,
    along: 'k',
    vector: filters % 4 === 0,
    walk: gradients.walk,
    line: (id, line) => `
  let in_${id} = ${line} < ${channels};
  let o_${id} = ${line} * ${filters};`,
    term: (id, walk) => `
    let in_${id} = ty_${walk} < tapRows;
    let o_${id} = ((firstTapY + ty_${walk} * ${stepY}) * ${taps[1]} + firstTapX + tx_${walk} * ${stepX}) * ${channels * filters} + c_${walk};`,
  };
  const product = {
    ...{ label, n: channels, epilogue: {} },
    m: grid[0] * grid[1] * grid[2],
    k: most(rows) * most(columns) * filters,
    groups: rows.length * columns.length,
    a: gradients,
    b: weights,
    ofGroup: declarePhase(rows, columns),
    depth: `tapRows * tapColumns * ${filters}`,
    result: {
      buffer: dx,
      size: images * height * width * channels,
      row: (id: string, row: string) => `
    let y_${id} = ${row} / ${grid[2]} % ${grid[1]} * ${strides[0]} + phaseY;
    let x_${id} = ${row} % ${grid[2]} * ${strides[1]} + phaseX;
    let in_${id} = ${row} < ${grid[0] * grid[1] * grid[2]} && y_${id} < ${height} && x_${id} < ${width};
    let at_${id} = ((${row} / ${grid[1] * grid[2]} * ${height} + y_${id}) * ${width} + x_${id}) * ${channels};`,
    },
  };
  return productProgram(product, features, options);
}

/** The taps that reach input places phase, phase + stride, … of one axis. */
interface Phase {
  readonly first: number;
  readonly count: number;
  /** The output place that the first tap joins with the first input place. */
  readonly begin: number;
}

function phasesOf(taps: number, stride: number, dilation: number, pad: number): Phase[] {
  return Array.from({ length: stride }, (_, phase) => {
    const fitting = Array.from({ length: taps }, (_, tap) => tap).filter(
      (tap) => (((phase + pad - tap * dilation) % stride) + stride) % stride === 0,
    );
    const first = fitting[0] ?? 0;
    const begin = fitting.length > 0 ? (phase + pad - first * dilation) / stride : 0;
    return { first, count: fitting.length, begin };
  });
}

/** WGSL: the numbers of the group's two phases. A phase without taps in one axis has none in the other. */
function declarePhase(rows: readonly Phase[], columns: readonly Phase[]): string {
  const choose = (name: string, index: string, values: readonly number[]): string => {
    const chosen = values
      .slice(1)
      .reduce((text, value, i) => `select(${text}, ${value}, ${index} == ${i + 1})`, `${values[0]}`);
    return `  let ${name} = ${values.every((value) => value === values[0]) ? values[0] : chosen};`;
  };
  const of = (axis: 'Y' | 'X', phases: readonly Phase[]): string[] => [
    choose(
      `firstTap${axis}`,
      `phase${axis}`,
      phases.map(({ first }) => first),
    ),
    choose(
      `begin${axis}`,
      `phase${axis}`,
      phases.map(({ begin }) => begin),
    ),
    choose(
      `count${axis}`,
      `phase${axis}`,
      phases.map(({ count }) => count),
    ),
  ];
  return [
    `  let phaseY = part / ${columns.length};`,
    `  let phaseX = part % ${columns.length};`,
    ...of('Y', rows),
    ...of('X', columns),
    '  let tapRows = select(countY, 0, countX == 0);',
    '  let tapColumns = select(countX, 0, countY == 0);',
  ].join('\n');
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
