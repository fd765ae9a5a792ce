import assert from 'node:assert/strict';
import { isTensor, tensorText, valuesText } from '../../src/kernel/runtime/tensors.js';

describe('kernel: tensors as text', () => {
  const tensor = (values: number[], shape: number[], isDisposed = false) => ({
    shape,
    dtype: 'float32',
    isDisposed,
    data: async () => Float32Array.from(values),
  });

  it('are known by what they have', () => {
    assert.equal(isTensor(tensor([1], [1])), true);
    for (const other of [null, undefined, 1, {}, [1], new Float32Array(2), { shape: [1], dtype: 'x' }])
      assert.equal(isTensor(other), false);
  });

  it('have a head, rows and blocks', async () => {
    assert.equal(await tensorText(tensor([1, 2, 3, 4], [2, 2])), 'Tensor [2, 2] float32\n[[1, 2],\n [3, 4]]');
    assert.equal(await tensorText(tensor([0.5], [])), 'Tensor [] float32\n0.5000');
    assert.equal(await tensorText(tensor([], [0, 3])), 'Tensor [0, 3] float32\n[]');
    assert.equal(await tensorText(tensor([1], [1], true)), 'Tensor [1] float32, disposed');
    assert.equal(
      valuesText([1, -2.5, NaN, 10], [2, 1, 2]),
      '[[[ 1.0000, -2.5000]],\n\n [[    NaN, 10.0000]]]',
    );
  });

  it('use powers of ten where numbers lie far apart', () => {
    assert.equal(valuesText([1e-9, 1.5], [2]), '[1.0000e-9, 1.5000e+0]');
    assert.equal(valuesText(['a', 'b'], [2]), '[a, b]');
  });

  it('leave out the middle of what is large', () => {
    const values = Array.from({ length: 2000 }, (_, i) => i);
    assert.equal(valuesText(values, [2000]), '[   0,    1,    2, …, 1997, 1998, 1999]');
    assert.equal(valuesText(values, [1000, 2]).split('\n').length, 7);
  });
});
