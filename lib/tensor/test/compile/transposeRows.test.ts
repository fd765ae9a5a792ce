import assert from 'node:assert/strict';
import { createBuilder } from '../../src/onnx/builder.js';
import { createSession, loadRuntime } from '../../src/onnx/runtime.js';
import { transposedRows, transposeRows } from '../../src/onnx/transposeRows.js';

/** What `transposeRows` makes of 0, 1, 2, … in `shape`, and the operators that it takes. */
async function transposed(
  shape: readonly number[],
  permutation: readonly number[],
): Promise<{ values: Float32Array; operators: string[] }> {
  const state = await loadRuntime();
  assert.ok(state.kind === 'ready');
  const b = createBuilder();
  const name = transposeRows(b, b.input('x', 'float32', shape), permutation);
  const size = shape.reduce((product, n) => product * n, 1);
  const { nodes, initializers, inputs } = b;
  const outputs = [{ name, type: 'float32' as const, shape: b.shapeOf(name) }];
  const session = await createSession(state.runtime, { nodes, initializers, inputs, outputs }, 2);
  const values = new Float32Array(size);
  await session.run([Float32Array.from({ length: size }, (_, i) => i)], [values]);
  await session.release();
  return { values, operators: nodes.map(({ op }) => op) };
}

/** By the definition: element by element. */
function expected(shape: readonly number[], permutation: readonly number[]): number[] {
  const to = permutation.map((axis) => shape[axis]!);
  return Array.from({ length: to.reduce((product, n) => product * n, 1) }, (_, at) => {
    const index: number[] = [];
    let rest = at;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      index[permutation[axis]!] = rest % to[axis]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return shape.reduce((offset, size, axis) => offset * size + index[axis]!, 0);
  });
}

describe('onnx/transposeRows', () => {
  it('knows the rows of a small transposition', () => {
    assert.deepEqual([...transposedRows([2, 3], [1, 0])], [0, 3, 1, 4, 2, 5]);
  });

  for (const [shape, permutation, operator] of [
    [[4, 8, 8, 2, 32, 8], [0, 3, 1, 4, 2, 5], 'Gather'],
    [[16, 3, 700, 8], [0, 2, 1, 3], 'Gather'],
    [[2, 3, 4, 8], [0, 2, 1, 3], 'Transpose'],
    [[30, 40, 50], [2, 0, 1], 'Transpose'],
  ] as const) {
    it(`moves axes ${permutation.join()} of [${shape.join()}] by ${operator}`, async () => {
      const { values, operators } = await transposed(shape, permutation);
      assert.ok(operators.includes(operator), operators.join());
      assert.deepEqual([...values], expected(shape, permutation));
    });
  }

  it('is nothing where no axis moves', () => {
    const b = createBuilder();
    assert.equal(transposeRows(b, b.input('x', 'float32', [200, 300]), [0, 1]), 'x');
  });

  it('has one order for all transpositions alike', () => {
    const b = createBuilder();
    for (const name of ['x', 'y']) transposeRows(b, b.input(name, 'float32', [4, 600, 8]), [1, 0, 2]);
    const orders = [...b.initializers.values()].filter(({ type }) => type === 'int32');
    assert.equal(orders.length, 1);
  });
});
