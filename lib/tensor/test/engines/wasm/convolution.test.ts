import fc from 'fast-check';
import { tf } from '../../../src/engines/index.js';
import { normal } from '../cases.js';
import { agree } from './compare.js';

type Pad = 'same' | 'valid' | [number, number, number, number];
interface Case {
  readonly n: number;
  readonly height: number;
  readonly width: number;
  readonly c: number;
  readonly k: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly pad: Pad;
}

const explicit = (pad: Pad): 'same' | 'valid' | tf.backend_util.ExplicitPadding => {
  if (typeof pad === 'string') return pad;
  return [
    [0, 0],
    [pad[0], pad[1]],
    [pad[2], pad[3]],
    [0, 0],
  ];
};

/** Both gradients of a convolution, through tfjs's own gradient definition. */
async function gradientsAgree(at: Case): Promise<void> {
  const shapes = [
    [at.n, at.height, at.width, at.c],
    [at.filterHeight, at.filterWidth, at.c, at.k],
  ];
  const strides: [number, number] = [at.strideHeight, at.strideWidth];
  await agree(
    (x, w) => {
      const conv = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, explicit(at.pad));
      const y = conv(x!, w!);
      // The gradient of Σ y²/2 is y at the output: different at every output pixel.
      const gradients = tf.grads((x, w) => tf.mul(tf.sum(tf.square(conv(x!, w!))), 0.5))([x!, w!]);
      return [y, ...gradients];
    },
    shapes.map((shape, i) => normal(shape, i + 1)),
    2e-5,
  );
}

const base = { n: 2, height: 8, width: 8, c: 5, k: 6, filterHeight: 3, filterWidth: 3 };
const square = (stride: number, pad: Pad, extra: Partial<Case> = {}): Case => ({
  ...base,
  strideHeight: stride,
  strideWidth: stride,
  pad,
  ...extra,
});

describe('wasm convolution gradients', () => {
  it('agree for 3×3 with padding 1, stride 1 and 2', async () => {
    await gradientsAgree(square(1, [1, 1, 1, 1]));
    await gradientsAgree(square(2, [1, 1, 1, 1]));
    await gradientsAgree(square(2, [1, 1, 1, 1], { height: 7, width: 9, c: 16, k: 24 }));
  });

  it('agree for 1×1 kernels, stride 1 and 2', async () => {
    await gradientsAgree(square(1, 'valid', { filterHeight: 1, filterWidth: 1, c: 8, k: 9 }));
    await gradientsAgree(square(2, 'valid', { filterHeight: 1, filterWidth: 1, height: 7 }));
  });

  it('agree when sums run over several blocks of pixels', async () => {
    await gradientsAgree(square(1, 'same', { n: 3, height: 20, width: 17, c: 3, k: 8 }));
    await gradientsAgree(square(2, 'same', { n: 40, height: 5, width: 5, c: 4, k: 4 }));
  });

  it('agree where the padding is larger than the kernel needs', async () => {
    await gradientsAgree(square(1, [1, 2, 0, 1], { filterHeight: 1, filterWidth: 1 }));
    await gradientsAgree(square(3, [2, 0, 0, 2], { filterHeight: 2, filterWidth: 2 }));
  });

  it('agree for random shapes, strides and paddings', async () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    const pads = fc.oneof(
      fc.constantFrom<Pad>('same', 'valid'),
      fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 2 }))) as fc.Arbitrary<Pad>,
    );
    const cases = fc
      .record({
        ...{ n: size(3), height: size(9), width: size(9), c: size(9), k: size(13) },
        ...{ filterHeight: size(4), filterWidth: size(4), strideHeight: size(3), strideWidth: size(3) },
        pad: pads,
      })
      .filter((at) => {
        const [top, bottom, left, right] = typeof at.pad === 'string' ? [0, 0, 0, 0] : at.pad;
        const fits = at.filterHeight <= at.height + top + bottom && at.filterWidth <= at.width + left + right;
        return at.pad === 'same' || fits;
      });
    await fc.assert(fc.asyncProperty(cases, gradientsAgree), { numRuns: 60 });
  });
});
