import assert from 'node:assert/strict';
import { tf } from '../../src/engines/index.js';
import { UserError } from 'oabn-base';
import { compile, compileEngine } from '../../src/index.js';
import { checkStep, sample } from './support.js';

const values = async (tensor: tf.Tensor): Promise<number[]> => [...(await tensor.data())];

describe('compile', () => {
  before(() => tf.setBackend('cpu'));

  it('runs natively on the cpu and wasm backends', async () => {
    const engine = await compileEngine();
    assert.equal(engine.kind, 'onnxruntime', engine.kind === 'eager' ? engine.reason : '');
  });

  it('takes and returns trees, with constants in both', async () => {
    const step = (state: { w: tf.Tensor; name: string }, [x]: [tf.Tensor], factor: number) => ({
      next: { w: tf.add(state.w, tf.mul(x, factor)), name: state.name },
      list: [x, null, 7],
    });
    const fast = await compile(step, [{ w: tf.scalar(0), name: 'a' }, [tf.scalar(0)], 3]);
    const { next, list } = await fast({ name: 'a', w: tf.scalar(1) }, [tf.scalar(2)], 3);
    assert.deepEqual(await values(next.w), [7]);
    assert.equal(next.name, 'a');
    assert.deepEqual(await values(list[0] as tf.Tensor), [2]);
    assert.deepEqual(list.slice(1), [null, 7]);
    await fast.dispose();
  });

  it('feeds results back, and lets eager operations use them', async () => {
    const fast = await compile((x: tf.Tensor) => tf.mul(x, 2), [tf.scalar(1)]);
    const once = await fast(tf.scalar(3));
    const twice = await fast(once);
    assert.deepEqual(await values(twice), [12]);
    assert.deepEqual(await values(tf.add(twice, once)), [18]);
    assert.deepEqual(await values(await fast(twice)), [24]);
    assert.deepEqual(await values(once), [6]);
    await fast.dispose();
  });

  it('keeps what was read when the array is used again', async () => {
    const fast = await compile((x: tf.Tensor) => tf.mul(x, 2), [tf.scalar(1)]);
    const first = await fast(tf.scalar(3));
    const read = await first.data();
    first.dispose();
    (await fast(tf.scalar(50))).dispose();
    assert.deepEqual([...read], [6]);
    await fast.dispose();
  });

  it('shows its graph, computed once and without what is not needed', async () => {
    const step = (x: tf.Tensor): tf.Tensor => {
      tf.exp(x);
      return tf.add(tf.square(x), tf.mul(tf.square(x), tf.mul(tf.add(1, 1), 1)));
    };
    const fast = await compile(step, [tf.tensor1d([1, 2])]);
    const lines = fast.print().split('\n');
    assert.deepEqual(
      lines.map((line) => /= (\w+)/.exec(line)?.[1] ?? 'return'),
      ['input', 'Square', 'constant', 'Multiply', 'Add', 'return'],
    );
    assert.match(lines[0]!, /input "0" float32\[2\]/);
    assert.equal(fast.stats.kernels, 3);
    await fast.dispose();
  });

  it('takes tensors from outside the step as constants', async () => {
    const outside = tf.tensor1d([1, 2]);
    const fast = await compile((x: tf.Tensor) => tf.add(x, outside), [tf.tensor1d([0, 0])]);
    assert.deepEqual(await values(await fast(tf.tensor1d([10, 20]))), [11, 22]);
    assert.deepEqual(await values(outside), [1, 2]);
    await fast.dispose();
  });

  it('tells arguments apart for which the example has the same tensor', async () => {
    const zero = tf.scalar(0);
    const fast = await compile((x: tf.Tensor, [y]: [tf.Tensor]) => tf.sub(x, y), [zero, [zero]]);
    assert.deepEqual(await values(await fast(tf.scalar(5), [tf.scalar(3)])), [2]);
    await fast.dispose();
  });

  it('takes tensors that share their data for what each of them is', async () => {
    const whole = tf.tensor1d([1, 2, 3, 4], 'int32');
    const [square, floats] = [tf.reshape(whole, [2, 2]), tf.cast(whole, 'float32')];
    const step = (x: tf.Tensor) => [tf.add(square, whole.slice(0, 2)), tf.mul(floats, 0.5), tf.mul(x, 0.5)];
    const fast = await compile(step, [floats]);
    const [sum, half, same] = await fast(floats);
    assert.deepEqual([sum!.shape, ...(await values(sum!))], [[2, 2], 2, 4, 4, 6]);
    assert.deepEqual([half!.dtype, ...(await values(half!))], ['float32', 0.5, 1, 1.5, 2]);
    assert.deepEqual(await values(same!), [0.5, 1, 1.5, 2]);
    await fast.dispose();
  });

  it('tells numbers apart that JSON writes alike', async () => {
    const step = (x: tf.Tensor) => [
      ...[Infinity, -Infinity, NaN, 0, -0].map((value) => tf.fill([2], value)),
      ...[Infinity, -Infinity].map((value) => tf.pad(x, [[0, 1]], value)),
      tf.div(1, tf.tensor1d([0, -0])),
      tf.div(1, tf.tensor1d([0, 0])),
    ];
    const fast = await compile(step, [tf.tensor1d([1])]);
    const found = await Promise.all((await fast(tf.tensor1d([1]))).map(values));
    assert.deepEqual(found, [
      ...[Infinity, -Infinity, NaN, 0, -0].map((value) => [value, value]),
      ...[Infinity, -Infinity].map((value) => [1, value]),
      [Infinity, -Infinity],
      [Infinity, Infinity],
    ]);
    await fast.dispose();
  });

  it('joins and spreads tensors without elements', async () => {
    await checkStep((x: tf.Tensor) => [tf.concat([x, x], 0), tf.stack([x, x])], [tf.zeros([0, 3])]);
    await checkStep(
      (x: tf.Tensor) => [tf.mul(tf.broadcastTo(x, [3, 0]), 2), tf.mul(x, tf.ones([3, 1]))],
      [tf.zeros([1, 0])],
    );
  });

  it('has remainders that are smaller than the divisor', async () => {
    const fast = await compile((x: tf.Tensor, y: tf.Tensor) => tf.mod(x, y), [tf.zeros([5]), tf.zeros([5])]);
    const rests = await fast(tf.tensor1d([1e9, -1e9, 5, -5.25, 1e-9]), tf.tensor1d([7, 7, Infinity, -3, 1]));
    assert.deepEqual(await values(rests), [6, 1, 5, -2.25, Math.fround(1e-9)]);
    await fast.dispose();
  });

  it('refuses products of whole matrices, which an engine would round', () =>
    assert.rejects(
      compile((x: tf.Tensor) => tf.matMul(x, x), [tf.ones([2, 2], 'int32')]),
      /of float32 only, got int32/,
    ));

  it('leaves no tensors behind but its results', async () => {
    const x = sample([4]);
    const before = tf.memory().numTensors;
    const fast = await compile((v: tf.Tensor) => tf.grad((u: tf.Tensor) => tf.sum(tf.square(u)))(v), [x]);
    const result = await fast(x);
    assert.equal(tf.memory().numTensors, before + 1);
    result.dispose();
    await fast.dispose();
  });

  const refuses = async (step: (x: tf.Tensor) => unknown, message: RegExp): Promise<void> => {
    await assert.rejects(compile(step, [tf.tensor2d([[1, 2]])]), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.equal(tf.getBackend(), 'cpu');
  };

  it('refuses a step that reads values', async () => {
    await refuses((x) => tf.mul(x, x.dataSync()[0]!), /must not read values/);
    await refuses((x) => x.data(), /must not (read values|be async)/);
    await refuses(async (x) => Promise.resolve(tf.neg(x)), /must not be async/);
  });

  it('refuses a kernel it does not know, by name', () =>
    refuses((x) => tf.fft(tf.complex(x, x)), /does not know the kernel (Complex|FFT)/));

  it('refuses a step that assigns a variable', async () => {
    const variable = tf.variable(tf.scalar(1), true, 'counter');
    await refuses((x) => {
      variable.assign(tf.sum(x));
      return x;
    }, /assigns the variable "counter"/);
    assert.deepEqual(await values(variable), [1]);
    variable.dispose();
  });

  it('leaves a model as it was that the step trains', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    const optimizer = tf.train.adam(0.1);
    const [x, y] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[3]])];
    const loss = () => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor) as tf.Scalar;
    const before = await values(model.predict(x) as tf.Tensor);
    const count = tf.memory().numTensors;
    await refuses(() => optimizer.minimize(loss, true)!, /assigns the variable/);
    assert.equal(tf.memory().numTensors, count + 1, 'only the argument of refuses is new');
    assert.deepEqual(await values(model.predict(x) as tf.Tensor), before);
    const again = tf.train.adam(0.1);
    again.minimize(loss);
    assert.notDeepEqual(await values(model.predict(x) as tf.Tensor), before);
    model.dispose();
  });

  it('refuses a step that returns no tensor', () => refuses(() => ({ n: 1 }), /must return a tensor/));

  it('refuses results that are no tensors or constants', () =>
    refuses(() => ({ f: () => 1 }), /"f" is a function/));

  it('says which argument differs from the example', async () => {
    const fast = await compile(
      (s: { x: tf.Tensor }, k: number) => tf.mul(s.x, k),
      [{ x: tf.zeros([2, 3]) }, 2],
    );
    await assert.rejects(
      fast({ x: tf.zeros([2, 4]) }, 2),
      /"0.x" as float32\[2,3\], now it is float32\[2,4\]/,
    );
    await assert.rejects(fast({ x: tf.zeros([2, 3], 'int32') }, 2), /now it is int32/);
    await assert.rejects(fast({ x: tf.zeros([2, 3]) }, 3), /other constants/);
    await fast.dispose();
  });

  it('is disposed of once, and refuses calls from then on', async () => {
    const x = tf.zeros([2, 3]);
    const fast = await compile((t: tf.Tensor) => tf.mul(t, 2), [x]);
    const freed = [fast.dispose(), fast.dispose()];
    await assert.rejects(fast(x), /has been disposed/);
    await Promise.all(freed);
    await assert.rejects(fast(x), /has been disposed/);
  });

  it('says which argument has been disposed of', async () => {
    const double = (s: { x: tf.Tensor }) => tf.mul(s.x, 2);
    const fast = await compile(double, [{ x: tf.zeros([2]) }]);
    const gone = tf.zeros([2]);
    gone.dispose();
    await assert.rejects(fast({ x: gone }), /"0\.x" has been disposed of/);
    await assert.rejects(compile(double, [{ x: gone }]), /"0\.x" has been disposed of/);
    await fast.dispose();
  });

  it('runs the function itself where asked to', async () => {
    const eager = await compile((x: tf.Tensor) => tf.mul(x, x.dataSync()[0]!), [tf.scalar(3)], {
      eager: true,
    });
    assert.deepEqual(await values(await eager(tf.scalar(3))), [9]);
    assert.equal(eager.stats.engine.kind, 'eager');
  });

  it('gives results of their own where it runs the function itself, and rejects where that throws', async () => {
    const [x, outside] = [tf.scalar(3), tf.scalar(4)];
    const eager = await compile((a: tf.Tensor) => [a, outside, tf.neg(a), 'text'], [x], { eager: true });
    const before = tf.memory().numTensors;
    const results = await eager(x);
    assert.deepEqual(results[3], 'text');
    tf.dispose(results as tf.Tensor[]);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual([await values(x), await values(outside)], [[3], [4]]);
    const failing = await compile(
      () => {
        throw new Error('no');
      },
      [],
      { eager: true },
    );
    await assert.rejects(failing(), /no/);
  });
});
