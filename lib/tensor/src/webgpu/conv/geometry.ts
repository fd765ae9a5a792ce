/**
 * A convolution's shapes: what they mean, whether they fit, and the WGSL of an image's pixels as lines of a
 * product.
 */
import { check } from 'oabn-base';
import type { Geometry } from '../../ops/index.js';
import { outside } from './operands.js';

export interface Sizes {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly filters: number;
  /** Rows and columns of the kernel. */
  readonly taps: readonly [number, number];
}

/** The sizes by name. @throws UserError when they do not fit together */
export function checkGeometry(geometry: Geometry): Sizes {
  const { input, output, kernel, strides, dilations, pads } = geometry;
  const [images, height, width, channels] = input as [number, number, number, number];
  const [, outHeight, outWidth, filters] = output as [number, number, number, number];
  const fits =
    input.length === 4 &&
    output.length === 4 &&
    kernel.length === 4 &&
    output[0] === images &&
    kernel[2] === channels &&
    kernel[3] === filters &&
    [0, 1].every((axis) => {
      const reach = (kernel[axis]! - 1) * dilations[axis]! + 1;
      const padded = input[axis + 1]! + pads[axis]! + pads[axis + 2]!;
      return output[axis + 1] === Math.floor((padded - reach) / strides[axis]!) + 1;
    });
  check(
    fits,
    () =>
      `Shapes of a convolution do not fit: input [${input}], kernel [${kernel}], output [${output}], strides ${strides}, dilations ${dilations}, pads ${pads}; layouts are NHWC and HWIO`,
  );
  const taps = [kernel[0]!, kernel[1]!] as const;
  return { images, height, width, channels, outHeight, outWidth, filters, taps };
}

/** Whether the convolution is a matrix product of pixels × channels. */
export const isMatrixProduct = ({ kernel, strides, pads }: Geometry): boolean =>
  kernel[0] === 1 && kernel[1] === 1 && strides.every((s) => s === 1) && pads.every((p) => p === 0);

/** «3×3/2 128×32×32×48→96». */
export function describe({ input, output, kernel, strides }: Geometry): string {
  const stride = strides[0] === strides[1] ? strides[0] : strides.join('×');
  return `${kernel[0]}×${kernel[1]}${stride === 1 ? '' : `/${stride}`} ${input.join('×')}→${output[3]}`;
}

/** Lines that are pixels of a grid, and where in an image a grid's pixel begins to look. */
export interface PixelGrid {
  /** [images, rows, columns] */
  readonly grid: readonly [number, number, number];
  /** Pixels of the image from one pixel of the grid to the next. */
  readonly strides: readonly [number, number];
  /** WGSL: the image's row and column of the grid's first. */
  readonly begin: readonly [string, string];
  /** [height, width, channels] */
  readonly image: readonly [number, number, number];
}

/** `Operand.line` for pixels. */
export function pixelLine(id: string, line: string, { grid, strides, begin, image }: PixelGrid): string {
  const [images, rows, columns] = grid;
  const [height, width, channels] = image;
  return `
  let top_${id} = ${line} / ${columns} % ${rows} * ${strides[0]} + ${begin[0]};
  let x_${id} = ${line} % ${columns} * ${strides[1]} + ${begin[1]};
  let y_${id} = select(${outside}, top_${id}, ${line} < ${images * rows * columns});
  let o_${id} = ((${line} / ${rows * columns} * ${height} + top_${id}) * ${width} + x_${id}) * ${channels};`;
}

/** `Operand.term` for taps that are `apart` pixels from each other (WGSL). */
export function pixelTerm(
  id: string,
  walk: string,
  apart: readonly [string, string],
  width: number,
  channels: number,
): string {
  return `
    let y_${id} = ty_${walk} * ${apart[0]};
    let x_${id} = tx_${walk} * ${apart[1]};
    let o_${id} = (y_${id} * ${width} + x_${id}) * ${channels} + c_${walk};
    let in_${id} = ty_${walk} < tapRows;`;
}
