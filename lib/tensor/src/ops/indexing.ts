/** Kernels that look up, count, sort and search. */
import { UserError } from 'oabn-base';
import { axisOf, kernel, type Kernels } from './kernel.js';

export const indexingKernels = {
  GatherV2: kernel(['x', 'indices'], ([x, indices], { axis, batchDims }) => {
    if (Number(batchDims ?? 0) !== 0) {
      throw new UserError(
        `A compiled step cannot gather with batchDims = ${String(batchDims)}; use 0, or run it eagerly`,
      );
    }
    const at = axisOf(axis, x!.shape.length);
    return {
      dtype: x!.dtype,
      shape: [...x!.shape.slice(0, at), ...indices!.shape, ...x!.shape.slice(at + 1)],
    };
  }),
  OneHot: kernel(['indices'], ([indices], { depth, dtype, onValue, offValue }) => {
    // tfjs lets an int32 result hold fractions (on its cpu backend); here its dtype is what it holds.
    const whole = Number.isInteger(onValue) && Number.isInteger(offValue);
    return { dtype: whole ? (dtype ?? 'int32') : 'float32', shape: [...indices!.shape, Number(depth)] };
  }),
  SearchSorted: kernel(['sortedSequence', 'values'], ([, values]) => ({
    dtype: 'int32',
    shape: values!.shape,
  })),
  DenseBincount: kernel(['x', 'weights'], ([x, weights], { size }) => {
    if (x!.shape.length !== 1) {
      throw new UserError(
        'A compiled step can count (bincount) a list only, not a matrix; reshape it to one axis',
      );
    }
    return { dtype: weights!.dtype, shape: [Number(size)] };
  }),
  /** The values, then their indices. */
  TopK: {
    inputs: ['x'],
    infer: ([x], { k }) => {
      const shape = [...x!.shape.slice(0, -1), Number(k)];
      return [
        { dtype: x!.dtype, shape },
        { dtype: 'int32', shape },
      ];
    },
  },
  UnsortedSegmentSum: kernel(['x', 'segmentIds'], ([x, ids], { numSegments }) => ({
    dtype: x!.dtype,
    shape: [Number(numSegments), ...x!.shape.slice(ids!.shape.length)],
  })),
} satisfies Partial<Kernels>;
