/**
 * The convolution y = x ∗ kernel (+ bias, ReLU): rows of the product are output pixels, terms are (tap,
 * channel).
 */
import type { Geometry } from '../../ops/index.js';
import type { GpuFeatures, GpuProgram } from '../program.js';
import { checkGeometry, describe, isMatrixProduct, pixelLine, pixelTerm } from './geometry.js';
import { matrixProgram } from './matMul.js';
import { matrixOperand, type Operand, tapWalk } from './operands.js';
import { type ConvOptions, productProgram } from './productProgram.js';

/** Names of buffers. */
export interface ForwardBuffers {
  /** [N,H,W,in] */
  readonly x: string;
  /** [H,W,in,out] */
  readonly kernel: string;
  /** [N,H,W,out], written. */
  readonly y: string;
  /** [out] */
  readonly bias?: string;
}

/** Options of a convolution, and what becomes of its sums. */
export interface ForwardOptions extends ConvOptions {
  /** y = max(0, …). */
  readonly relu?: boolean;
}

/**
 * A convolution: y [N,H',W',out] from x [N,H,W,in] and a kernel [kh,kw,in,out], with a bias [out] if there is
 * one.
 * @throws UserError for shapes that do not fit together, or when the device lacks what `options` ask for
 */
export function convForward(
  geometry: Geometry,
  { x, kernel, y, bias }: ForwardBuffers,
  features: GpuFeatures,
  options: ForwardOptions = {},
): GpuProgram {
  const { images, height, width, channels, outHeight, outWidth, filters, taps } = checkGeometry(geometry);
  const epilogue = { ...(bias === undefined ? {} : { bias }), relu: options.relu ?? false };
  const label = `conv ${describe(geometry)} forward`;
  const [m, k] = [images * outHeight * outWidth, taps[0] * taps[1] * channels];
  const buffers = { a: x, b: kernel, c: y };
  if (isMatrixProduct(geometry)) {
    return matrixProgram({ m, n: filters, k }, buffers, label, features, options, epilogue);
  }
  const { strides, dilations, pads } = geometry;
  const pixels: Operand = {
    buffer: x,
    size: images * height * width * channels,
    along: 'k',
    vector: channels % 4 === 0,
    walk: tapWalk(channels),
    image: { height, width },
    line: (id, line) =>
      pixelLine(id, line, {
        grid: [images, outHeight, outWidth],
        strides,
        begin: [`${-pads[0]}`, `${-pads[1]}`],
        image: [height, width, channels],
      }),
    term: (id, walk) => pixelTerm(id, walk, [`${dilations[0]}`, `${dilations[1]}`], width, channels),
  };
  const product = {
    ...{ label, m, n: filters, k, groups: 1, epilogue },
    a: pixels,
    // The kernel's own order is (tap, channel) × out, which the plain walk reads in step with the taps.
    b: matrixOperand(kernel, filters, k, 1, 'lines'),
    ofGroup: `  let tapRows = ${taps[0]};\n  let tapColumns = ${taps[1]};`,
    result: {
      buffer: y,
      size: m * filters,
      row: (id: string, row: string) => `
    let in_${id} = ${row} < ${m};
    let at_${id} = ${row} * ${filters};`,
    },
  };
  return productProgram(product, features, options);
}
