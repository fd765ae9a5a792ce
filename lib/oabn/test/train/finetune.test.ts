import assert from 'node:assert/strict';
import { compile, tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeNetwork } from '../../src/merge/index.js';
import {
  type Architecture,
  forward,
  forwardMerged,
  get,
  initialize,
  normalizeArchitecture,
  type Oabn,
  quantizedBlocks,
  type StateDict,
  toStateDict,
  toVariables,
} from '../../src/model/index.js';
import {
  calibrate,
  calibrateMse,
  forwardQuantized,
  groupsOf,
  type QuantizationScheme,
  weightBitsOf,
} from '../../src/quantize/index.js';
import {
  crossEntropy,
  disposeState,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  forwardThroughMerge,
  initialState,
  pretrainStep,
  type QuantizerOptions,
  type StepInput,
  type StepResult,
  type TrainState,
  type TrainStep,
} from '../../src/train/index.js';
import { assertClose } from '../../../tensor/test/compile/support.js';

const archOf = (oabn: Oabn): Architecture =>
  normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 1], strides: [1, 1, 2], classes: 3, oabn });
const arch = archOf({ threshold: 0.5 });
const options = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 };

/** Three classes that the mean brightness tells apart. */
function batch(learningRate: number, size = 12): StepInput {
  const stream = random(1, 'batch');
  const labels = Int32Array.from({ length: size }, (_, i) => i % 3);
  const images = Float32Array.from(
    { length: size * 108 },
    (_, i) => stream.normal() + 0.7 * (labels[Math.floor(i / 108)]! - 1),
  );
  return {
    images: tf.tensor4d(images, [size, 6, 6, 3]),
    labels: tf.tensor1d(labels, 'int32'),
    learningRate: tf.scalar(learningRate),
  };
}

/** A network with running statistics of its own kind, and biases that keep sums of levels off zero. */
function network(as: Architecture = arch): StateDict {
  return Object.fromEntries(
    Object.entries(initialize(as, 3)).map(([name, { shape, data }]) => {
      const stream = random(5, name);
      if (name.endsWith('running_var'))
        return [name, { shape, data: data.map(() => 0.3 + 0.4 * stream.uniform()) }];
      const isShift = name.endsWith('running_mean') || name.endsWith('bias');
      return [name, { shape, data: isShift ? data.map(() => 0.1 * stream.normal()) : data }];
    }),
  );
}

async function begin(
  as: Architecture,
  scheme: QuantizationScheme,
  quantizers: QuantizerOptions,
): Promise<TrainState> {
  const stateDict = network(as);
  const merged = mergeNetwork(as, stateDict);
  const { images, labels, learningRate } = batch(0);
  const calibration = { images: (await images.data()) as Float32Array, size: images.shape[0] };
  tf.dispose([images, labels, learningRate]);
  const moving = (quantizers.activations?.range ?? 'moving') === 'moving';
  const ranges = moving
    ? await calibrate(as, merged, [calibration])
    : await calibrateMse(as, merged, calibration, scheme);
  return finetuneState({
    arch: as,
    scheme,
    network: quantizers.through === 'branches' ? stateDict : merged,
    ranges,
    ...quantizers,
  });
}

const eager = (step: TrainStep, state: TrainState, input: StepInput): StepResult =>
  tf.tidy(() => step(state, input) as never) as unknown as StepResult;

const lossOf = ({ metrics }: StepResult): number => metrics.loss.dataSync()[0]!;

/** The losses of compiled steps on one batch, and the state after them. */
async function trained(step: TrainStep, state: TrainState, input: StepInput, steps: number) {
  const fast = await compile(step, [state, input]);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const result = await fast(state, input);
    losses.push(lossOf(result));
    disposeState(state, result.state);
    state = result.state;
  }
  await fast.dispose();
  return { losses, state };
}

type Case = [name: string, scheme: Partial<QuantizationScheme>, options: QuantizerOptions, as?: Architecture];

const uniform = { weights: 'uniform' } as const;
const kmeans = { weights: 'cluster' } as const;
const perChannel = { granularity: 'perChannel' } as const;
const branches = { through: 'branches' } as const;

const cases: Case[] = [
  ['uniform, per channel', { ...uniform, ...perChannel }, {}],
  ['uniform, fitted step', uniform, { uniform: { step: 'mse' } }],
  ['uniform, fitted step per channel', { ...uniform, ...perChannel }, { uniform: { step: 'mse' } }],
  ['LSQ', uniform, { uniform: { step: 'lsq' }, activations: { range: 'learned' } }],
  [
    'LSQ per channel, fixed ranges',
    { ...uniform, ...perChannel },
    { uniform: { step: 'lsq' }, activations: { range: 'fixed' } },
  ],
  ['clusters per channel', { ...kmeans, ...perChannel }, {}],
  ['clusters by EMA', kmeans, { cluster: { update: 'ema' } }],
  ['clusters by gradient', kmeans, { cluster: { update: 'gradient' } }],
  [
    'clusters by gradient, per channel',
    { ...kmeans, ...perChannel },
    { cluster: { update: 'gradient', init: 'optimal' } },
  ],
  ['bits by layer', { ...kmeans, layerBits: { 'stage1.0': 2, 'stage2.0': 4 } }, {}],
  ['uniform through the branches', uniform, branches],
  ['clusters through the branches', kmeans, branches],
  ['clusters through the branches with batch statistics', kmeans, { ...branches, statistics: 'batch' }],
  [
    'LSQ through plain BN',
    uniform,
    { ...branches, uniform: { step: 'lsq' } },
    archOf({ threshold: Infinity }),
  ],
  [
    'clusters through QARepVGG',
    kmeans,
    branches,
    normalizeArchitecture({ ...archOf({ threshold: Infinity }), block: 'qarepvgg' }),
  ],
  ['clusters through a learned s', kmeans, branches, archOf({ threshold: 0.5, learned: true })],
];

describe('train/finetune', () => {
  before(() => tf.setBackend('cpu'));

  for (const [name, changes, quantizers, as = arch] of cases) {
    it(`${name}: compiled as eager, learns, and ends with at most 2^b values a group`, async () => {
      const scheme = { bits: 3, ...changes } as QuantizationScheme;
      const step = finetuneSteps({ arch: as, scheme, ...options, ...quantizers })(0);
      const input = batch(0.01);
      const start = await begin(as, scheme, quantizers);
      const fast = await compile(step, [start, input]);
      const expected = eager(step, start, input);
      const first = await fast(start, input);
      assertClose(first.metrics, expected.metrics, 1e-5, 'metrics');
      for (const group of ['params', 'buffers', 'momentum'] as const) {
        assertClose(first.state[group], expected.state[group], 1e-4, group);
      }

      let { state } = first;
      for (let i = 0; i < 25; i++) state = (await fast(state, input)).state;
      const last = await fast(state, { ...input, learningRate: tf.scalar(0) });
      assert.ok(lossOf(last) < 0.95 * lossOf(first), `loss ${lossOf(first)} → ${lossOf(last)}`);
      await fast.dispose();

      const final = finetunedNetwork({
        ...{ arch: as, scheme },
        params: await toStateDict(state.params),
        buffers: await toStateDict(state.buffers),
        ...quantizers,
      });
      for (const { name: block } of quantizedBlocks(as)) {
        const kernel = get(final.stateDict, `${block}.rbr_reparam.weight`);
        for (const group of groupsOf(kernel, scheme.granularity)) {
          const values = new Set(group).size;
          assert.ok(values > 1 && values <= 2 ** weightBitsOf(scheme, block), `${values} values in ${block}`);
        }
      }
      // With the statistics of the batch, a step sees another network than the one that is left.
      if (quantizers.statistics === 'batch') return;
      const { params } = toVariables(final.stateDict);
      const logits = forwardQuantized(final, params, final.activations, input.images);
      const loss = crossEntropy(logits, input.labels, 0).dataSync()[0]!;
      assert.ok(Math.abs(loss - lossOf(last)) < 0.03, `${loss} at the end, ${lossOf(last)} in training`);
    });
  }

  it('through the branches with frozen weights, has the loss of the merged network', async () => {
    for (const [weights, oabn] of [
      ['uniform', { threshold: 0.5, learned: true }],
      ['cluster', { threshold: 0.5 }],
      ['cluster', { threshold: Infinity }],
    ] as const) {
      const as = archOf(oabn);
      const scheme = { bits: 4, weights };
      const losses: number[] = [];
      for (const through of ['merged', 'branches'] as const) {
        const step = finetuneSteps({ arch: as, scheme, ...options, through })(0);
        losses.push(lossOf(eager(step, await begin(as, scheme, { through }), batch(0))));
      }
      assert.ok(Math.abs(losses[0]! - losses[1]!) < 1e-5, losses.join(' and '));
    }
  });

  it('through the branches, computes the FP32 network of the branches, with either statistics', () => {
    const { images } = batch(0);
    const qarepvgg = normalizeArchitecture({ ...archOf({ threshold: Infinity }), block: 'qarepvgg' });
    for (const [as, statistics] of [
      [arch, 'running'],
      [arch, 'batch'],
      [qarepvgg, 'running'],
      [qarepvgg, 'batch'],
    ] as const) {
      const variables = toVariables(network(as));
      const merged = forwardThroughMerge(as, variables, images, { statistics });
      const expected = forward(as, variables, images, { training: statistics === 'batch' });
      assertClose(merged.logits, expected.logits, 1e-5, statistics);
      for (const [name, tensor] of Object.entries(merged.buffers)) {
        assertClose(tensor, expected.buffers[name], 1e-5, name);
      }
      assert.equal(
        Object.keys(merged.buffers).length,
        statistics === 'batch' ? Object.keys(variables.buffers).length : 0,
      );
    }
  });

  it('moves a learned s down where its decay is strong, and up where the loss wants more of the identity', async () => {
    const thresholds = async (oabn: Oabn): Promise<number[]> => {
      const as = archOf(oabn);
      const { params, buffers } = toVariables(network(as));
      const { losses, state } = await trained(
        pretrainStep(as, options),
        initialState(params, buffers),
        batch(0.02),
        25,
      );
      assert.ok(losses.at(-1)! < 0.8 * losses[0]!, `loss ${losses[0]} → ${losses.at(-1)}`);
      return Object.entries(state.params)
        .filter(([name]) => name.endsWith('.threshold'))
        .map(([, tensor]) => tensor.dataSync()[0]!);
    };
    const weak = await thresholds({ threshold: 0.5, learned: { coefficient: 0 } });
    const strong = await thresholds({ threshold: 0.5, learned: { coefficient: 1 } });
    assert.equal(weak.length, 2);
    weak.forEach((s, i) => assert.ok(strong[i]! < s - 0.05, `${strong[i]} with decay, ${s} without`));
    assert.ok(weak.every((s) => s !== 0.5));
  });

  it('a pretraining step with a learned s compiles to what it is', async () => {
    for (const gradient of ['clip', 'straightThrough'] as const) {
      const as = archOf({ threshold: 0.4, gradient, learned: true, branches: ['3x3', '1x1', 'identity'] });
      const { params, buffers } = toVariables(network(as));
      const [step, state, input] = [pretrainStep(as, options), initialState(params, buffers), batch(0.02)];
      const fast = await compile(step, [state, input]);
      assertClose(await fast(state, input), eager(step, state, input), 1e-4, gradient);
      await fast.dispose();
    }
  });

  it('merges a network trained with any limit to the same logits', async () => {
    const limits: Oabn[] = [
      { threshold: 0.3, gradient: 'straightThrough' },
      { threshold: 0.3, branches: ['3x3'] },
      { threshold: 0.3, branches: ['3x3', '1x1', 'identity'], learned: true },
    ];
    for (const oabn of limits) {
      const as = archOf(oabn);
      const { params, buffers } = toVariables(network(as));
      const { losses, state } = await trained(
        pretrainStep(as, options),
        initialState(params, buffers),
        batch(0.02),
        12,
      );
      assert.ok(losses.at(-1)! < losses[0]!);
      const stateDict = await toStateDict(state.params, state.buffers);
      const { images } = batch(0);
      const expected = forward(as, state, images, { training: false }).logits;
      const logits = forwardMerged(as, toVariables(mergeNetwork(as, stateDict)).params, images);
      assertClose(logits, expected, 1e-4, JSON.stringify(oabn));
    }
  });
});
