import assert from 'node:assert/strict';
import { random, UserError } from 'oabn-base';
import { compile, tf, useBackend } from 'tfjs-native';
import { custom, type Custom, functionOf } from '../../src/custom/index.js';
import { mergeNetwork, mergeTensors } from '../../src/merge/index.js';
import {
  bnPrefix,
  batchNormTraining,
  blocksOf,
  forward,
  forwardMerged,
  initialize,
  type LimitFunction,
  normalizeArchitecture,
  type Tensors,
  toStateDict,
  toVariables,
} from '../../src/model/index.js';
import { ownMethod, ownQuantizer, ptqMethodOf } from '../../src/quantize/index.js';
import {
  eagerly,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  initialState,
  normalizeRegularizer,
  penalties,
  pretrainStep,
  regularization,
  valueAndGradients,
  weightTraining,
} from '../../src/train/index.js';
import { sample } from '../../../tensor/test/compile/support.js';
import { assertClose } from '../golden/index.js';

const small = { widths: [4, 4, 8], depths: [1, 2, 1], strides: [1, 1, 2], classes: 3 };
const options = { momentum: 0.9, weightDecay: 5e-4, labelSmoothing: 0 };

/** The library's clip, as a reader would write it. */
const clip: LimitFunction = (engine, ratio, s) => engine.clipByValue(ratio, -(s as number), s as number);
const soft: LimitFunction = (engine, ratio, s) => engine.mul(engine.tanh(engine.div(ratio, s)), s);

async function valuesOf(
  tensors: Readonly<Record<string, tf.Tensor>>,
): Promise<Record<string, readonly number[]>> {
  const entries = await Promise.all(
    Object.entries(tensors).map(async ([name, tensor]) => [name, [...(await tensor.data())]] as const),
  );
  return Object.fromEntries(entries);
}

function near(
  actual: Record<string, readonly number[]>,
  expected: Record<string, readonly number[]>,
  tolerance: number,
): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected)) {
    values.forEach((value, i) =>
      assert.ok(
        Math.abs(actual[name]![i]! - value) <= tolerance * Math.max(1, Math.abs(value)),
        `${name}[${i}]: ${actual[name]![i]}, expected ${value}`,
      ),
    );
  }
}

function batch(size: number) {
  const draw = random(1, 'batch');
  return {
    images: tf.tensor4d(
      Float32Array.from({ length: size * 8 * 8 * 3 }, () => draw.normal()),
      [size, 8, 8, 3],
    ),
    labels: tf.tensor1d(
      Array.from({ length: size }, (_, i) => i % 3),
      'int32',
    ),
    learningRate: tf.scalar(0.1),
  };
}

const stateOf = (arch: Parameters<typeof initialize>[0]) => {
  const { params, buffers } = toVariables(initialize(arch, 1));
  return initialState(params, buffers);
};

describe('functions of a reader’s own', () => {
  before(() => useBackend('wasm'));

  it('are values that JSON can hold, and run from their source', () => {
    const double = custom('double', (engine, x: tf.Tensor) => engine.mul(x, 2));
    const copy = JSON.parse(JSON.stringify(double)) as typeof double;
    assert.deepEqual(Object.keys(copy), ['name', 'source']);
    assert.equal(functionOf(copy)(tf, tf.scalar(3)).dataSync()[0], 6);
  });

  it('may be methods of an object', () => {
    const { half } = {
      half(engine: typeof tf, x: tf.Tensor) {
        return engine.div(x, 2);
      },
    };
    assert.equal(functionOf(custom('half', half))(tf, tf.scalar(3)).dataSync()[0], 1.5);
  });

  it('say which variable they took from elsewhere', () => {
    const outside = 3;
    const leaky = custom('leaky', (engine, x: tf.Tensor) => engine.mul(x, outside));
    assert.throws(
      () => functionOf(leaky)(tf, tf.scalar(1)),
      (error: Error) =>
        error instanceof UserError &&
        /«leaky»: outside is not defined.*may use its arguments/.test(error.message),
    );
  });

  it('name a variable of a notebook’s cell as the reader does', () => {
    // What the kernel makes of `engine.mul(x, width)`.
    const leaky = new Function('return (engine, x) => engine.mul(x, __scope.width)')() as LimitFunction;
    assert.throws(
      () => functionOf(custom('leaky', leaky))(tf, tf.scalar(1), 1),
      /«leaky»: width is not defined here, but in a cell\. .*may use its arguments/,
    );
  });

  it('from elsewhere do not run without trust', () => {
    const foreign: Custom<LimitFunction> = { name: 'foreign', source: '(tf, r) => tf.mul(r, 0.123)' };
    assert.throws(
      () => functionOf(foreign),
      /«foreign» is code that came with a configuration.*OABN_TRUST=1/,
    );
  });

  it('are refused when they are none', () => {
    assert.throws(() => custom('', clip), /needs a name/);
    assert.throws(
      () => custom('bound', clip.bind(null) as LimitFunction),
      /«bound» cannot be made from its source/,
    );
    assert.throws(
      () => normalizeArchitecture({ ...small, oabn: { threshold: 1, limit: 'tanh' as never } }),
      /oabn.limit must be a value of custom/,
    );
  });
});

describe('a limit of one’s own', () => {
  before(() => useBackend('wasm'));
  const own = normalizeArchitecture({ ...small, oabn: { threshold: 0.5, limit: custom('clip', clip) } });
  const paper = normalizeArchitecture({ ...small, oabn: { threshold: 0.5 } });

  it('that clips trains as OABN does', async () => {
    const run = async (arch: typeof own) => {
      const step = eagerly(pretrainStep(arch, options));
      let state = stateOf(arch);
      for (let i = 0; i < 3; i++) state = (await step(state, batch(6))).state;
      return await valuesOf({ ...state.params, ...state.buffers });
    };
    near(await run(own), await run(paper), 2e-4);
  });

  it('runs compiled as eagerly', async () => {
    const arch = normalizeArchitecture({ ...small, oabn: { threshold: 0.5, limit: custom('tanh', soft) } });
    const step = pretrainStep(arch, options);
    const [state, input] = [stateOf(arch), batch(6)];
    const eager = await eagerly(step)(state, input);
    const compiled = await (await compile(step, [state, input]))(state, input);
    near(await valuesOf(compiled.state.params), await valuesOf(eager.state.params), 2e-4);
  });

  it('is what is merged, on the host and on the engine', async () => {
    const arch = normalizeArchitecture({ ...small, oabn: { threshold: 0.5, limit: custom('tanh', soft) } });
    const step = eagerly(pretrainStep(arch, options));
    const { state } = await step(stateOf(arch), batch(6));
    const merged = mergeNetwork(arch, await toStateDict(state.params, state.buffers));
    const block = blocksOf(arch)[2]!;
    assert.ok(block.branches.includes('identity'));
    const { kernel } = mergeTensors(arch, state.params, block, (place) => ({
      mean: state.buffers[`${bnPrefix(block, place)}.running_mean`]!,
      variance: state.buffers[`${bnPrefix(block, place)}.running_var`]!,
    }));
    const onEngine = await tf.transpose(kernel, [3, 2, 0, 1]).data();
    near({ w: [...merged[`${block.name}.rbr_reparam.weight`]!.data] }, { w: [...onEngine] }, 1e-5);
  });

  it('gets a learned s that has become too small as the least one, before and after merging', () => {
    const oabn = { threshold: 0.5, learned: true, limit: custom('tanh', soft) };
    const arch = normalizeArchitecture({ ...small, oabn });
    const stateDict = Object.fromEntries(
      Object.entries(initialize(arch, 1)).map(([name, tensor]) => [
        name,
        name.endsWith('.threshold') ? { ...tensor, data: Float32Array.of(-0.5) } : tensor,
      ]),
    );
    tf.tidy(() => {
      const images = sample([2, 5, 5, 3], 3) as tf.Tensor4D;
      const before = forward(arch, toVariables(stateDict), images, { training: false }).logits;
      const after = forwardMerged(arch, toVariables(mergeNetwork(arch, stateDict)).params, images);
      assertClose(after.dataSync(), before.dataSync(), 1e-5, 'logits');
    });
  });

  it('is refused where it makes one number for all channels', () => {
    const limit = custom<LimitFunction>('mean', (engine, ratio) => engine.mean(ratio));
    const arch = normalizeArchitecture({ ...small, oabn: { threshold: 0.5, limit } });
    const message =
      /«mean» makes a tensor of shape \[\] from ratios of shape \[4\]; it must keep their shape/;
    const { params, buffers } = stateOf(arch);
    const x = tf.ones([2, 3, 3, 4]) as tf.Tensor4D;
    assert.throws(
      () => batchNormTraining(x, tf.ones([4]), tf.zeros([4]), { threshold: 0.5, limit }),
      message,
    );
    return assert.rejects(async () => mergeNetwork(arch, await toStateDict(params, buffers)), message);
  });

  it('has the gradient of its operations', () => {
    // Against differences: d loss/dγ of y = s·tanh(r/s)·(x − μ) + β.
    const x = batch(2).images;
    const beta = tf.zeros([3]);
    const limit = { threshold: 0.7, gradient: 'clip', limit: custom('tanh', soft) } as const;
    const loss = (gamma: tf.Tensor): tf.Scalar =>
      tf.sum(tf.square(batchNormTraining(x, gamma, beta, limit).y));
    const at = [0.4, 0.8, -1.2];
    const gradient = tf.grad(loss)(tf.tensor1d(at)).dataSync();
    at.forEach((_, i) => {
      const moved = (by: number): number =>
        loss(tf.tensor1d(at.map((value, j) => (i === j ? value + by : value)))).dataSync()[0]!;
      const difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
      assert.ok(
        Math.abs(gradient[i]! - difference) < 0.02 * Math.abs(difference),
        `${gradient[i]} ${difference}`,
      );
    });
  });
});

describe('a weight quantizer of one’s own', () => {
  before(() => useBackend('wasm'));

  /** ClusterQAT as a reader would write it, for clusters that are never empty. */
  const lloyd = ownQuantizer('my clusters', {
    begin: (_, weights, bits) => {
      const sorted = Float32Array.from(weights).sort();
      return Array.from(
        { length: 2 ** bits },
        (__, k) => sorted[Math.floor(((k + 0.5) * sorted.length) / 2 ** bits)]!,
      );
    },
    quantize: (engine, weights, points) => {
      const distances = engine.abs(engine.sub(engine.reshape(weights, [-1, 1]), points));
      return engine.reshape(engine.gather(points, engine.argMin(distances, 1)), weights.shape);
    },
    move: (engine, weights, points) => {
      const flat = engine.reshape(weights, [-1]);
      const nearest = engine.argMin(engine.abs(engine.sub(engine.expandDims(flat, 1), points)), 1);
      const members = engine.oneHot(nearest as tf.Tensor1D, points.size, 1, 0, 'float32');
      const sums = engine.sum(engine.mul(members, engine.expandDims(flat, 1)), 0);
      return engine.div(sums, engine.maximum(engine.sum(members, 0), 1));
    },
  });
  const scheme = { bits: 2, weights: 'cluster', activationBits: null } as const;
  const arch = normalizeArchitecture(small);

  it('trains as ClusterQAT does where it does the same', async () => {
    const draw = random(3, 'weights');
    const data = Float32Array.from({ length: 4 * 4 * 9 }, () => draw.normal());
    const [own, library] = [
      weightTraining(scheme, 'stage1.0', { quantizer: lloyd }),
      weightTraining(scheme, 'stage1.0', {}),
    ];
    const begin = own.begin({ shape: [4, 4, 3, 3], data }).points!;
    const points = tf.tensor1d(begin.data);
    const kernel = tf.tensor4d(data, [3, 3, 4, 4]);
    const [mine, theirs] = [
      own.move(kernel, { points }).points!,
      library.move(kernel, { centroids: points }).centroids!,
    ];
    near({ c: [...(await mine.data())] }, { c: [...(await theirs.data())] }, 1e-5);
    near(
      { q: [...(await own.quantize(kernel, { points }).data())] },
      { q: [...(await library.quantize(kernel, { centroids: points }).data())] },
      1e-6,
    );
  });

  it('is fine-tuned compiled, and ends as a codebook of at most 2^b values', async () => {
    const merged = mergeNetwork(arch, initialize(arch, 1));
    const ranges = Object.fromEntries(blocksOf(arch).map(({ name }) => [name, { min: 0, max: 1 }]));
    const quantizers = { quantizer: lloyd };
    const state = finetuneState({ arch, scheme, network: merged, ranges, ...quantizers });
    const step = finetuneSteps({ arch, scheme, ...options, ...quantizers })(0);
    const input = batch(6);
    const eager = await eagerly(step)(state, input);
    const compiled = await (await compile(step, [state, input]))(state, input);
    near(await valuesOf(compiled.state.params), await valuesOf(eager.state.params), 2e-4);
    const network = finetunedNetwork({
      ...{ arch, scheme },
      params: await toStateDict(eager.state.params),
      buffers: await toStateDict(eager.state.buffers),
      ...quantizers,
    });
    const states = new Set(network.stateDict['stage1.1.rbr_reparam.weight']!.data);
    assert.ok(states.size > 1 && states.size <= 4, `${states.size}`);
  });

  it('that loses the shape of the weights is refused', () => {
    const flat = ownQuantizer('flat', {
      begin: () => [0, 1],
      quantize: (engine, weights) => engine.reshape(weights, [-1]),
    });
    const training = weightTraining(scheme, 'stage1.0', { quantizer: flat });
    assert.throws(
      () => training.quantize(tf.ones([3, 3, 1, 2]), { points: tf.tensor1d([0, 1]) }),
      /«flat» makes a tensor of shape \[18\] from weights of shape \[3, 3, 1, 2\]; it must keep their shape/,
    );
  });

  it('that needs more values than its bits can tell apart is refused', () => {
    const many = ownQuantizer('many', {
      begin: () => [0],
      quantize: (engine, weights) => engine.clone(weights),
    });
    const training = weightTraining(scheme, 'stage1.0', { quantizer: many });
    const kernel = { shape: [1, 1, 3, 3], data: Float32Array.from({ length: 9 }, (_, i) => i) };
    assert.throws(
      () => training.finish(kernel, { points: { shape: [1], data: Float32Array.of(0) } }),
      /«many» gives 9 different values in a layer; 2 bits can tell 4 apart/,
    );
  });
});

describe('a PTQ method of one’s own', () => {
  it('quantizes what shares a quantizer', async () => {
    const arch = normalizeArchitecture(small);
    const merged = mergeNetwork(arch, initialize(arch, 1));
    const sign = custom('binary', (_, weights: Float32Array) => {
      const mean = weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
      return weights.map((w) => (w < 0 ? -mean : mean));
    });
    const { title, quantize } = ptqMethodOf(sign);
    assert.equal(title, 'binary');
    const network = await quantize({
      ...{ arch, merged, scheme: { bits: 2, weights: 'uniform', granularity: 'perChannel' }, seed: 1 },
      calibration: { images: Float32Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (i % 7) - 3), size: 2 },
      imageShape: [8, 8, 3],
    });
    const kernel = network.stateDict['stage1.0.rbr_reparam.weight']!;
    const channel = kernel.data.subarray(0, 36);
    assert.equal(new Set(channel.map(Math.abs)).size, 1);
    assert.throws(() => ptqMethodOf('nope' as never), /Unknown PTQ method «nope»/);
    assert.ok(ownMethod(sign).granularities.includes('perTensor'));
  });
});

describe('regularizers', () => {
  before(() => useBackend('wasm'));

  it('are the papers’ on small kernels', () => {
    // Kurtosis of ±1 is 1, of (−2, 0, 0, 2)/… is 2: (1 − 1.8)² and (2 − 1.8)².
    assert.ok(Math.abs(penalties.kure(tf, tf.tensor1d([1, -1, 1, -1])).dataSync()[0]! - 0.64) < 1e-5);
    assert.ok(Math.abs(penalties.kure(tf, tf.tensor1d([-2, 0, 0, 2])).dataSync()[0]! - 0.04) < 1e-5);
    assert.equal(penalties.range(tf, tf.tensor1d([0.5, -3, 1])).dataSync()[0], 3);
  });

  it('look at the branches’ kernels or at merged ones', async () => {
    const arch = normalizeArchitecture(small);
    const { params, buffers } = toVariables(initialize(arch, 1));
    const largest = (data: Float32Array): number => data.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    const stateDict = await toStateDict(params, buffers);
    const [merged, blocks] = [mergeNetwork(arch, stateDict), blocksOf(arch).slice(1)];
    const mean = blocks
      .map(({ name }) => largest(merged[`${name}.rbr_reparam.weight`]!.data))
      .reduce((sum, value) => sum + value / blocks.length, 0);
    const on = (where: 'merged' | 'branches'): number =>
      regularization(arch, { penalty: 'range', strength: 2, on: where }, params, buffers).dataSync()[0]!;
    assert.ok(Math.abs(on('merged') - 2 * mean) < 1e-5);
    assert.ok(on('branches') > 0 && on('branches') < on('merged'));
  });

  it('reach the branches through the merge, and stop where OABN clips', () => {
    const arch = normalizeArchitecture({ ...small, oabn: { threshold: 0.5 } });
    const start = initialize(arch, 1);
    // All variances are 1, so these are the ratios, of which OABN clips every other one.
    start['stage1.0.rbr_identity.weight']!.data.set([2, 0.3, -2, 0.4]);
    const { params, buffers } = toVariables(start);
    const names = ['dense.conv', 'dense.bn', '1x1.conv', '1x1.bn', 'identity'].map(
      (of) => `stage1.0.rbr_${of}.weight`,
    );
    for (const penalty of ['kure', 'range'] as const) {
      const value = (changed: Tensors): tf.Scalar =>
        regularization(arch, { penalty, strength: 1, on: 'merged' }, { ...params, ...changed }, buffers);
      const tracked = Object.fromEntries(names.map((name) => [name, params[name]!]));
      const { gradients } = valueAndGradients(tracked, (of) => ({ value: value(of), extra: {} }));
      const ofIdentity = gradients['stage1.0.rbr_identity.weight']!.dataSync();
      assert.ok(Math.abs(ofIdentity[0]!) === 0 && Math.abs(ofIdentity[2]!) === 0);
      for (const name of penalty === 'kure' ? names : [names[0]!]) {
        const length = tf.norm(gradients[name]!).dataSync()[0]!;
        const along = (distance: number): number =>
          value({
            [name]: tf.add(params[name]!, tf.mul(gradients[name]!, distance / length)),
          }).dataSync()[0]!;
        const slope = (along(1e-3) - along(-1e-3)) / 2e-3;
        assert.ok(
          length > 0 && Math.abs(slope / length - 1) < 0.02,
          `${penalty} ${name}: ${slope} ${length}`,
        );
      }
    }
  });

  it('change training, compiled as eagerly', async () => {
    const arch = normalizeArchitecture(small);
    const step = pretrainStep(arch, { ...options, regularizer: { penalty: 'kure', strength: 0.1 } });
    const [state, input] = [stateOf(arch), batch(6)];
    const eager = await eagerly(step)(state, input);
    const compiled = await (await compile(step, [state, input]))(state, input);
    near(await valuesOf(compiled.state.params), await valuesOf(eager.state.params), 2e-4);
    const plain = await eagerly(pretrainStep(arch, options))(state, input);
    const [a, b] = [await eager.metrics.loss.data(), await plain.metrics.loss.data()];
    assert.ok(a[0]! > b[0]!);
  });

  it('are refused where they make no sense', () => {
    assert.throws(() => normalizeRegularizer({ penalty: 'kur' as never, strength: 1 }), /one of kure, range/);
    assert.throws(
      () => normalizeRegularizer({ penalty: 'kure', strength: 0 }),
      /strength must be > 0, got 0/,
    );
  });
});
