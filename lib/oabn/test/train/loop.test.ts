import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import { type ProgressEvent, random } from 'oabn-base';
import {
  type Architecture,
  initialize,
  normalizeArchitecture,
  toStateDict,
  toVariables,
} from '../../src/model/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { calibrate, stateSize } from '../../src/quantize/index.js';
import {
  type LabelledBatch,
  disposeState,
  downloadState,
  eagerly,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  initialState,
  learningRateAt,
  type LoopOptions,
  type Position,
  pretrainStep,
  type StepOptions,
  type StepResult,
  train,
  type TrainState,
  uploadState,
} from '../../src/train/index.js';

const arch: Architecture = normalizeArchitecture({
  widths: [4, 4],
  depths: [1, 2],
  strides: [1, 2],
  classes: 2,
  oabn: { threshold: 0.8 },
});
const options: StepOptions = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 };

/** Two classes that the mean brightness tells apart: batches are a pure function of epoch and index. */
async function* batches(epoch: number, startBatch: number, count = 5): AsyncIterable<LabelledBatch> {
  for (let index = startBatch; index < count; index++) {
    const stream = random(1, epoch, index);
    const labels = Int32Array.from({ length: 8 }, () => stream.integer(2));
    const images = Float32Array.from(
      { length: 8 * 6 * 6 * 3 },
      (_, i) => stream.normal() + labels[Math.floor(i / 108)]! - 0.5,
    );
    yield await Promise.resolve({ images, labels, size: 8 });
  }
}

const loop = (changes: Partial<LoopOptions> = {}): LoopOptions => {
  const step = pretrainStep(arch, options);
  return {
    task: 'toy',
    stepAt: () => step,
    schedule: { learningRate: 0.1, warmupEpochs: 1, epochs: 3 },
    batchSize: 8,
    stepsPerEpoch: 5,
    imageShape: [6, 6, 3],
    batches,
    ...changes,
  };
};

function freshState(): TrainState {
  const { params, buffers } = toVariables(initialize(arch, 3));
  return initialState(params, buffers);
}

describe('train/loop', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('shows a loss and an accuracy that were measured, however few steps an epoch has', async () => {
    for (const stepsPerEpoch of [1, 3, 5]) {
      const shown: (ProgressEvent & { fields?: Record<string, unknown> })[] = [];
      const means: number[] = [];
      const final = await train(
        freshState(),
        loop({
          stepsPerEpoch,
          batches: (epoch, start) => batches(epoch, start, stepsPerEpoch),
          progress: (event) => shown.push(event),
          onEpoch: async ({ trainLoss }) => void means.push(trainLoss),
        }),
      );
      disposeState(final);
      for (const { done, total, fields } of shown) {
        assert.ok(fields!.loss === undefined || Number(fields!.loss) > 0);
        if (done === total) assert.equal(fields!.loss, means.shift());
      }
    }
  });

  it('learns, and reports the means of each epoch', async () => {
    const losses: number[] = [];
    const final = await train(
      freshState(),
      loop({ onEpoch: async ({ trainLoss }) => void losses.push(await Promise.resolve(trainLoss)) }),
    );
    disposeState(final);
    assert.equal(losses.length, 3);
    assert.ok(losses[2]! < losses[0]! * 0.8, `loss ${losses.join(' → ')}`);
  });

  it('asks for the metrics of a step before it takes the next, and waits for them later', async () => {
    const events: string[] = [];
    const answers: (() => void)[] = [];
    await train(
      freshState(),
      loop({
        prepare: async (step, _state, _input, first) => {
          let index = first;
          return (state, input) => {
            const { metrics, ...rest } = eagerly(step)(state, input) as StepResult;
            const number = index++;
            events.push(`step ${number}`);
            const { loss } = metrics;
            const data = loss.data.bind(loss);
            loss.data = (async () => {
              events.push(`read ${number}`);
              // As on a GPU that is three steps behind, but for the last steps of an epoch.
              await new Promise<void>((resolve) => {
                answers[number] = resolve;
                answers[number - 3]?.();
                if (number % 5 === 4) answers.forEach((answer) => answer());
              });
              return data();
            }) as typeof loss.data;
            return { metrics, ...rest };
          };
        },
      }),
    );
    assert.deepEqual(events, Array.from({ length: 15 }, (_, i) => [`step ${i}`, `read ${i}`]).flat());
  });

  it('resumes after any step, in the middle of an epoch too, with the same bits', async () => {
    const epochs: unknown[] = [];
    const saved: { position: Position; state: Awaited<ReturnType<typeof downloadState>> }[] = [];
    const whole = await train(
      freshState(),
      loop({
        checkpointSeconds: 0,
        onEpoch: async (metrics) => void epochs.push(await Promise.resolve(metrics)),
        onCheckpoint: async (position, state) =>
          void saved.push({ position, state: await downloadState(state) }),
      }),
    );
    const expected = await downloadState(whole);
    assert.equal(saved.length, 15);
    for (const { position, state } of [saved[2]!, saved[4]!, saved[11]!]) {
      const resumedEpochs: unknown[] = [];
      const resumed = await train(
        uploadState(state),
        loop({ onEpoch: async (metrics) => void resumedEpochs.push(await Promise.resolve(metrics)) }),
        position,
      );
      assert.deepEqual(await downloadState(resumed), expected);
      assert.deepEqual(resumedEpochs, epochs.slice(Math.floor(position.step / 5)));
    }
  });

  it('stopped between two steps, keeps those since the last checkpoint', async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    let steps = 0;
    const stopped = loop({
      signal: controller.signal,
      progress: () => {
        if (++steps === 3) controller.abort();
      },
      onCheckpoint: async ({ step }) => void saved.push(await Promise.resolve(step)),
    });
    const before = tf.memory().numTensors;
    await assert.rejects(train(freshState(), stopped), { name: 'AbortError' });
    assert.deepEqual(saved, [3]);
    assert.equal(tf.memory().numTensors, before, 'tensors left behind');
  });

  it('keeps them where progress throws when it is to stop, as that of a notebook does', async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    let steps = 0;
    const stopped = loop({
      signal: controller.signal,
      prepare: async (step) => {
        const run = await Promise.resolve(eagerly(step));
        return (state, input) => {
          if (++steps === 3) controller.abort();
          return run(state, input);
        };
      },
      progress: () => {
        if (controller.signal.aborted) throw new Error('by progress');
      },
      onCheckpoint: async ({ step }) => void saved.push(await Promise.resolve(step)),
    });
    await assert.rejects(train(freshState(), stopped), { name: 'AbortError' });
    assert.deepEqual(saved, [3]);
  });

  it('ends by the stop button of the notebook cell that runs it', async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    const globals = globalThis as { [key: symbol]: unknown };
    const key = Symbol.for('Jupyter.kernel');
    globals[key] = { currentCell: () => ({ signal: controller.signal }) };
    try {
      const stopped = loop({
        progress: ({ done }) => void (done === 2 && controller.abort()),
        onCheckpoint: async ({ step }) => void saved.push(await Promise.resolve(step)),
      });
      await assert.rejects(train(freshState(), stopped), { name: 'AbortError' });
    } finally {
      Reflect.deleteProperty(globals, key);
    }
    assert.deepEqual(saved, [2]);
  });

  it('frees what it does not return', async () => {
    const state = freshState();
    const before = tf.memory().numTensors;
    const final = await train(state, loop());
    assert.equal(tf.memory().numTensors, before);
    disposeState(final);
  });

  it('stops at a loss that is not finite: what, where, and no checkpoint after it', async () => {
    const saved: Position[] = [];
    const explode = loop({
      schedule: { learningRate: 1e30, warmupEpochs: 0, epochs: 2 },
      onCheckpoint: async (position) => void saved.push(await Promise.resolve(position)),
      checkpointSeconds: 0,
    });
    const before = tf.memory().numTensors;
    await assert.rejects(
      train(freshState(), explode),
      /toy: the loss is (NaN|Infinity) at step \d+ \(epoch 1, learning rate \S+\)/,
    );
    assert.ok(saved.length <= 2);
    assert.equal(tf.memory().numTensors, before, 'tensors left behind');
  });

  it('fine-tunes a merged network with both kinds of weights', async () => {
    const merged = mergeNetwork(arch, initialize(arch, 3));
    const images = random(2);
    const calibration = [{ images: Float32Array.from({ length: 8 * 108 }, () => images.normal()), size: 8 }];
    const ranges = await calibrate(arch, merged, calibration);
    assert.deepEqual(Object.keys(ranges), ['stage1.0', 'stage1.1']);
    for (const weights of ['uniform', 'cluster'] as const) {
      const scheme = { bits: 3, weights };
      const stepAt = finetuneSteps({ arch, scheme, ...options, cluster: { updateEvery: 2 } });
      const final = await train(
        finetuneState({ arch, scheme, network: merged, ranges }),
        loop({ stepAt, schedule: { learningRate: 0.01, warmupEpochs: 0, epochs: 3 } }),
      );
      const { params, buffers } = {
        params: await toStateDict(final.params),
        buffers: await toStateDict(final.buffers),
      };
      const network = finetunedNetwork({ arch, scheme, params, buffers });
      assert.ok(stateSize(arch, network.stateDict) <= 2 * (weights === 'uniform' ? 7 : 8));
      assert.ok(network.activations['stage1.1']!.max > 0);
      disposeState(final);
    }
  });
});

describe('train/schedule', () => {
  const schedule = { learningRate: 0.2, warmupEpochs: 2, epochs: 10 };

  it('warms up in a line and falls as a cosine to zero', () => {
    const at = (step: number): number => learningRateAt(schedule, step, 10);
    assert.ok(Math.abs(at(0) - 0.01) < 1e-12);
    assert.ok(Math.abs(at(19) - 0.2) < 1e-12);
    assert.ok(Math.abs(at(60) - 0.1) < 1e-12);
    assert.ok(at(99) < 1e-3 && at(99) > 0);
  });

  it('falls in a straight line where that is asked for', () => {
    const at = (step: number): number => learningRateAt({ ...schedule, annealing: 'linear' }, step, 10);
    assert.equal(at(19), learningRateAt(schedule, 19, 10));
    for (const [step, rate] of [
      [20, 0.2],
      [40, 0.15],
      [60, 0.1],
      [80, 0.05],
      [100, 0],
    ] as const) {
      assert.ok(Math.abs(at(step) - rate) < 1e-12, `${at(step)} at step ${step}`);
    }
  });

  it('refuses a warm-up as long as the run', () => {
    assert.throws(
      () => learningRateAt({ ...schedule, warmupEpochs: 10 }, 0, 10),
      /warmupEpochs must be in \[0, epochs = 10\), got 10/,
    );
  });
});
