/** The matrix product, and with it every convolution that is one: 1×1, stride 1, no padding. */
import type { GpuFeatures, GpuProgram } from '../program.js';
import { matrixOperand } from './operands.js';
import type { Epilogue } from './product.js';
import { type ConvOptions, productProgram } from './productProgram.js';

/** A product [m,k]·[k,n], or a batch of them. */
export interface MatMulShape {
  /** Rows of the left operand and of the result. */
  readonly m: number;
  /** Columns of the right operand and of the result. */
  readonly n: number;
  /** Terms of each sum. */
  readonly k: number;
  /** `a` is [batch, k, m] instead of [batch, m, k]. */
  readonly transposeA?: boolean;
  /** `b` is [batch, n, k] instead of [batch, k, n]. */
  readonly transposeB?: boolean;
  /** Default 1. */
  readonly batch?: number;
}

/** Names of buffers. */
export interface MatMulBuffers {
  /** [batch, m, k], or transposed. */
  readonly a: string;
  /** [batch, k, n], or transposed. */
  readonly b: string;
  /** [batch, m, n], written. */
  readonly c: string;
}

/**
 * c = a · b, for each matrix of the batch.
 * @throws UserError when the device lacks what `options` ask for
 */
export function matMul(
  shape: MatMulShape,
  buffers: MatMulBuffers,
  features: GpuFeatures,
  options: ConvOptions = {},
): GpuProgram {
  const { m, n, k, batch = 1 } = shape;
  return matrixProgram(
    shape,
    buffers,
    `product ${batch > 1 ? `${batch}×` : ''}${m}×${k}·${k}×${n}`,
    features,
    options,
  );
}

/** The same with another label, and an epilogue. */
export function matrixProgram(
  { m, n, k, transposeA = false, transposeB = false, batch = 1 }: MatMulShape,
  { a, b, c }: MatMulBuffers,
  label: string,
  features: GpuFeatures,
  options: ConvOptions,
  epilogue: Epilogue = {},
): GpuProgram {
  const product = {
    ...{ label, m, n, k, groups: batch, epilogue },
    a: matrixOperand(a, m, k, batch, transposeA ? 'lines' : 'k'),
    b: matrixOperand(b, n, k, batch, transposeB ? 'k' : 'lines'),
    result: {
      buffer: c,
      size: batch * m * n,
      row: (id: string, row: string) => `
    let in_${id} = ${row} < ${m};
    let at_${id} = ${batch > 1 ? `part * ${m * n} + ` : ''}${row} * ${n};`,
    },
  };
  return productProgram(product, features, options);
}
