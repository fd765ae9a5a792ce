import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { isTensor, printTensors, tensorText, valuesText } from '../../src/kernel/runtime/tensors.js';

describe('kernel: tensors as text', () => {
  const tensor = (values: number[], shape: number[], isDisposed = false) => ({
    shape,
    dtype: 'float32',
    isDisposed,
    data: async () => Float32Array.from(values),
    dataSync: () => Float32Array.from(values),
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

  it('have complex numbers, whose parts tfjs gives in turn', async () => {
    const complex = { ...tensor([1, 3, 2.5, -4], [2]), dtype: 'complex64' };
    assert.equal(await tensorText(complex), 'Tensor [2] complex64\n[1.0000 + 3.0000i, 2.5000 − 4.0000i]');
  });

  it('print themselves where their package was loaded', () => {
    class Tensor {
      readonly shape = [2];
      readonly dtype = 'float32';
      constructor(readonly isDisposed = false) {}
      dataSync(): Float32Array {
        return Float32Array.of(1, 2);
      }
    }
    printTensors(undefined);
    printTensors({ Tensor: 1, tf: null, default: {} });
    printTensors({ tf: { Tensor } });
    assert.equal(
      inspect([new Tensor(), new Tensor(true)]),
      '[\n  Tensor [2] float32\n  [1, 2],\n  Tensor [2] float32, disposed\n]',
    );
  });

  it('leave out the middle of what is large', () => {
    const values = Array.from({ length: 2000 }, (_, i) => i);
    assert.equal(valuesText(values, [2000]), '[   0,    1,    2, …, 1997, 1998, 1999]');
    assert.equal(valuesText(values, [1000, 2]).split('\n').length, 7);
  });
});
