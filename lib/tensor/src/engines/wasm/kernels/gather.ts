/**
 * GatherV2 (tfjs-backend-wasm computes the coordinates of every element, about 75 ns each: half a second for
 * one codebook lookup of 8 million weights) and the kernel of its gradient, UnsortedSegmentSum, which is
 * missing there.
 */
import { tf } from '../../tf.js';
import { advance, defineFunction, i32, repeat, v128 } from '../assembler.js';
import { addressOf, allocate, floats, integers, type Kernel, simdModule, type TensorInfo } from '../simd.js';

export const gather =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { x, indices } = call.inputs as { x: TensorInfo; indices: TensorInfo };
    if (x.dtype !== 'float32' && x.dtype !== 'int32') return original(call);
    const { axis: given, batchDims } = call.attrs as { axis: number; batchDims: number };
    const axis = tf.util.parseAxisParam(given, x.shape)[0]!;
    const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      axis,
      batchDims,
    );
    const { batchSize, outerSize, dimSize, sliceSize } = info;
    checkIndices(integers(backend, indices), dimSize);
    const out = allocate(backend, info.outputShape, x.dtype);
    const picks = tf.util.sizeFromShape(indices.shape) / batchSize;
    const pick = picking(backend)[sliceSize === 1 ? 'gatherWords' : 'gatherRows']!;
    for (let batch = 0; batch < batchSize; batch++) {
      for (let outer = 0; outer < outerSize; outer++) {
        const block = batch * outerSize + outer;
        pick(
          addressOf(backend, x) + 4 * block * dimSize * sliceSize,
          addressOf(backend, indices) + 4 * batch * picks,
          addressOf(backend, out) + 4 * block * picks * sliceSize,
          picks,
          sliceSize >> 2,
          sliceSize & 3,
          4 * sliceSize,
        );
      }
    }
    return out;
  };

/** out[s] = Σ of the rows of x whose segment is s; rows with a segment < 0 are left out. */
export const unsortedSegmentSum = (original: Kernel): Kernel => {
  return (call) => {
    const { backend } = call;
    const { x, segmentIds } = call.inputs as { x: TensorInfo; segmentIds: TensorInfo };
    if (x.dtype !== 'float32') return original(call);
    const { numSegments } = call.attrs as { numSegments: number };
    const out = allocate(backend, [numSegments, ...x.shape.slice(1)], 'float32');
    const sums = floats(backend, out).fill(0);
    const [rows, segments] = [floats(backend, x), integers(backend, segmentIds)];
    const width = tf.util.sizeFromShape(x.shape.slice(1));
    segments.forEach((segment, row) => {
      if (segment < 0 || segment >= numSegments) return;
      for (let i = 0; i < width; i++) sums[segment * width + i]! += rows[row * width + i]!;
    });
    return out;
  };
};

function checkIndices(indices: Int32Array, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (index < 0 || index >= size) {
      throw new Error(`GatherV2: the index value ${index} is not in [0, ${size - 1}]`);
    }
  }
}

const picking = simdModule(() => {
  const parameters = ['from', 'indices', 'to', 'picks', 'vectors', 'rest', 'rowBytes'];
  return [
    defineFunction('gatherWords', parameters, (p, local) => {
      const pick = local('i32');
      const [to, indices] = [p.to!, p.indices!];
      const from = i32.add(p.from!, i32.multiply(i32.load(indices), i32.constant(4)));
      return [repeat(pick, p.picks!, [i32.store(to, i32.load(from)), advance(to, 4), advance(indices, 4)])];
    }),
    defineFunction('gatherRows', parameters, (p, local) => {
      const [pick, element, from] = [local('i32'), local('i32'), local('i32')];
      const [to, indices] = [p.to!, p.indices!];
      return [
        repeat(pick, p.picks!, [
          from.set(i32.add(p.from!, i32.multiply(i32.load(indices), p.rowBytes!))),
          repeat(element, p.vectors!, [v128.store(to, v128.load(from)), advance(from, 16), advance(to, 16)]),
          repeat(element, p.rest!, [i32.store(to, i32.load(from)), advance(from, 4), advance(to, 4)]),
          advance(indices, 4),
        ]),
      ];
    }),
  ];
});
