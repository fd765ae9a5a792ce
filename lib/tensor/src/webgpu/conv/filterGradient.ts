/**
 * The gradient of a convolution in its kernel: rows of the product are (tap, channel), terms are output
 * pixels. There are few results and very many terms, so the sum is split over workgroups.
 */
import type { Geometry } from '../../ops/index.js';
import type { GpuFeatures, GpuProgram } from '../program.js';
import { checkGeometry, describe, isMatrixProduct } from './geometry.js';
import { matrixProgram } from './matMul.js';
import { matrixOperand, type Operand, outside, pixelWalk } from './operands.js';
import { type ConvOptions, productProgram } from './productProgram.js';

/** Names of buffers. */
export interface FilterGradientBuffers {
  /** [N,H,W,in] */
  readonly x: string;
  /** [N,H,W,out] */
  readonly dy: string;
  /** [H,W,in,out], written. */
  readonly dw: string;
}

/**
 * The gradient of a convolution for its kernel [kh,kw,in,out], from x [N,H,W,in] and dy [N,H',W',out].
 * @throws UserError for shapes that do not fit together, or when the device lacks what `options` ask for
 */
export function convFilterGradient(
  geometry: Geometry,
  { x, dy, dw }: FilterGradientBuffers,
  features: GpuFeatures,
  options: ConvOptions = {},
): GpuProgram {
  const { images, height, width, channels, outHeight, outWidth, filters, taps } = checkGeometry(geometry);
  const label = `conv ${describe(geometry)} filter gradient`;
  const [m, k] = [taps[0] * taps[1] * channels, images * outHeight * outWidth];
  if (isMatrixProduct(geometry)) {
    const buffers = { a: x, b: dy, c: dw };
    return matrixProgram({ m, n: filters, k, transposeA: true }, buffers, label, features, options);
  }
  const { strides, dilations, pads } = geometry;
  const walk = pixelWalk(outHeight, outWidth);
  const pixels: Operand = {
    buffer: x,
    size: images * height * width * channels,
    along: 'lines',
    vector: channels % 4 === 0,
    walk,
    image: { height, width },
    line: (id, line) => `
  let tap_${id} = ${line} / ${channels};
  let down_${id} = tap_${id} / ${taps[1]} * ${dilations[0]} - ${pads[0]};
  let x_${id} = tap_${id} % ${taps[1]} * ${dilations[1]} - ${pads[1]};
  let y_${id} = select(${outside}, down_${id}, ${line} < ${m});
  let o_${id} = (down_${id} * ${width} + x_${id}) * ${channels} + ${line} % ${channels};`,
    term: (id, from) => `
    let y_${id} = py_${from} * ${strides[0]};
    let x_${id} = px_${from} * ${strides[1]};
    let o_${id} = ((pn_${from} * ${height} + y_${id}) * ${width} + x_${id}) * ${channels};
    let in_${id} = pn_${from} < ${images};`,
  };
  const product = {
    ...{ label, m, n: filters, k, groups: 1, epilogue: {} },
    a: pixels,
    b: matrixOperand(dy, filters, k, 1, 'lines'),
    result: {
      buffer: dw,
      size: m * filters,
      row: (id: string, row: string) => `
    let in_${id} = ${row} < ${m};
    let at_${id} = ${row} * ${filters};`,
    },
  };
  return productProgram(product, features, options);
}
