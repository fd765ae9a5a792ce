import assert from 'node:assert/strict';
import { tf, useBackend } from 'tfjs-native';
import { activate, convolve } from '../../src/model/index.js';
import { assertClose } from '../golden/index.js';

/** Numbers that repeat nowhere near. */
const wave = (shape: readonly number[]): tf.Tensor4D => {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor4d(
    Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + 0.3)),
    shape as [number, number, number, number],
  );
};

/** y[o] = Σ over taps and the channels of o's group, padded with zeros, tap by tap. */
function reference(x: tf.Tensor4D, kernel: tf.Tensor4D, stride: number, groups: number): number[] {
  const [[n, h, w, c], [kh, kw, inPerGroup, out]] = [x.shape, kernel.shape];
  const [xs, ks] = [x.dataSync(), kernel.dataSync()];
  const y: number[] = [];
  for (let image = 0; image < n; image++) {
    for (let row = 0; row < h; row += stride) {
      for (let column = 0; column < w; column += stride) {
        for (let o = 0; o < out; o++) {
          const first = Math.floor(o / (out / groups)) * inPerGroup;
          let sum = 0;
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++) {
              const [r, q] = [row + ky - (kh - 1) / 2, column + kx - (kw - 1) / 2];
              if (r < 0 || q < 0 || r >= h || q >= w) continue;
              for (let i = 0; i < inPerGroup; i++) {
                sum +=
                  xs[((image * h + r) * w + q) * c + first + i]! *
                  ks[((ky * kw + kx) * inPerGroup + i) * out + o]!;
              }
            }
          }
          y.push(sum);
        }
      }
    }
  }
  return y;
}

describe('model/convolve', () => {
  before(() => useBackend('wasm'));

  const cases: readonly [string, input: number[], kernel: number[], stride: number, groups: number][] = [
    ['a plain 3×3', [2, 5, 6, 4], [3, 3, 4, 6], 2, 1],
    ['two groups', [1, 5, 6, 4], [3, 3, 2, 6], 1, 2],
    ['four groups with a stride', [1, 6, 5, 8], [1, 1, 2, 8], 2, 4],
    ['depthwise', [2, 5, 6, 4], [3, 3, 1, 4], 1, 4],
    ['depthwise 5×5 with a stride, odd sides', [1, 7, 5, 3], [5, 5, 1, 3], 2, 3],
    ['depthwise 7×7 with a stride, even sides', [1, 6, 8, 2], [7, 7, 1, 2], 2, 2],
    ['depthwise with a stride of 3', [1, 7, 8, 2], [3, 3, 1, 2], 3, 2],
    ['twice as many outputs as channels', [1, 4, 4, 3], [3, 3, 1, 6], 2, 3],
  ];
  for (const [name, input, kernel, stride, groups] of cases) {
    it(`computes ${name} as the definition says, and its gradients`, () => {
      tf.tidy(() => {
        const [x, w] = [wave(input), wave(kernel)];
        const y = convolve(x, w, { stride, groups });
        assertClose(y.dataSync(), reference(x, w, stride, groups), 1e-5, name);
        // Linear in x and w: a gradient is what the direction e itself gives.
        const weights = wave(y.shape);
        const loss = (a: tf.Tensor4D, b: tf.Tensor4D): tf.Scalar =>
          tf.sum(tf.mul(convolve(a, b, { stride, groups }), weights));
        const [dx, dw] = tf.grads(loss as (...args: tf.Tensor[]) => tf.Tensor)([x, w]) as [tf.Tensor4D, tf.Tensor4D]; // prettier-ignore
        for (const [at, of] of [
          [3, dx],
          [middle(dw), dw],
        ] as const) {
          const isInput = of === dx;
          const unit = tf.tensor4d(
            Float32Array.from({ length: of.size }, (_, i) => (i === at ? 1 : 0)),
            of.shape,
          );
          const along = isInput ? loss(unit, w) : loss(x, unit);
          assert.ok(Math.abs(of.dataSync()[at]! - along.dataSync()[0]!) < 1e-4, `${name}, gradient`);
        }
      });
    });
  }

  it('refuses a kernel without a centre', () => {
    assert.throws(() => convolve(wave([1, 4, 4, 2]), wave([2, 2, 2, 2])), /2×2 has no centre/);
  });

  it('activates as the formulas say', () => {
    const x = tf.tensor1d([-4, -1, 0, 0.5, 2, 7]);
    const of = (name: Parameters<typeof activate>[1]): number[] => [...activate(x, name).dataSync()];
    assert.deepEqual(of('relu6'), [0, 0, 0, 0.5, 2, 6]);
    assertClose(of('hardSwish'), [0, -1 / 3, 0, (0.5 * 3.5) / 6, (2 * 5) / 6, 7], 1e-6);
    assertClose(of('silu').slice(1, 3), [-1 / (1 + Math.E), 0], 1e-6);
    // x·Φ(x), with Φ(1) = 0.841345 and Φ(2) = 0.977250.
    assertClose([of('gelu')[1]!, of('gelu')[4]!], [-0.158655, 1.9545], 1e-4);
  });
});

/** A weight in the middle. */
const middle = (tensor: tf.Tensor): number => Math.floor(tensor.size / 2);
