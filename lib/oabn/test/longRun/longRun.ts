/**
 * Thousands of steps of the training loop, compiled, on whatever backend is chosen: what the process holds is
 * written down at equal distances. A leak of a hundred bytes a step shows as megabytes, one of a handle as
 * thousands.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile, nativeMemory, tf } from 'tfjs-native';
import { webgpuDevice } from 'tfjs-native/webgpu';
import { initialize, normalizeArchitecture, toVariables } from '../../src/model/index.js';
import { disposeState, initialState, pretrainStep, train } from '../../src/train/index.js';
import { smallDataset } from '../data/helpers.js';

/** What the process holds after `step` steps. */
export interface Held {
  readonly step: number;
  /** MiB of resident memory, and of V8's heap in use. */
  readonly resident: number;
  readonly heap: number;
  /** Open files, sockets and devices; −1 where the system does not list them. */
  readonly handles: number;
  readonly tensors: number;
  /** MiB that the compiled steps hold outside V8. */
  readonly native: number;
  /** Buffers and bind groups that the GPU's device has been asked for since the beginning. */
  readonly made: number;
}

let made = 0;

/** Counts what `device` is asked for that it must hold until V8 collects the object. */
function countMade(device: GPUDevice): void {
  for (const method of ['createBuffer', 'createBindGroup'] as const) {
    const make = device[method].bind(device) as (descriptor: never) => never;
    device[method] = (descriptor: unknown): never => {
      made++;
      return make(descriptor as never);
    };
  }
}

const mebibytes = (bytes: number): number => Number((bytes / 2 ** 20).toFixed(1));

/** Milliseconds in which what V8 has collected lets go of its part outside V8. */
const settling = 100;

async function held(step: number): Promise<Held> {
  // Steps that a GPU, or who emulates it, is still at hold memory of their own.
  await webgpuDevice()?.queue.onSubmittedWorkDone();
  (globalThis as { gc?: () => void }).gc?.();
  await sleep(settling);
  const { rss, heapUsed } = process.memoryUsage();
  let handles = -1;
  try {
    handles = readdirSync('/proc/self/fd').length;
  } catch {
    // Not Linux.
  }
  return {
    step,
    resident: mebibytes(rss),
    heap: mebibytes(heapUsed),
    handles,
    tensors: tf.memory().numTensors,
    native: mebibytes(nativeMemory().bytes),
    made,
  };
}

const [batchSize, stepsPerEpoch, side] = [4, 10, 8];
const arch = normalizeArchitecture({
  widths: [4, 4],
  depths: [1, 1],
  strides: [2, 2],
  classes: 10,
  oabn: { threshold: 0.5 },
});

/**
 * Trains a tiny network on images of 8×8 from seed 1 for `steps` steps, and says every `every` steps what is
 * held.
 */
export async function longRun(steps: number, every: number, say: (held: Held) => void): Promise<void> {
  const device = webgpuDevice();
  if (device) countMade(device);
  const data = smallDataset(batchSize * stepsPerEpoch, arch.classes, side);
  const { params, buffers } = toVariables(initialize(arch, 1));
  const step = pretrainStep(arch, { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 });
  const compiled: { dispose(): unknown }[] = [];
  const final = await train(initialState(params, buffers), {
    task: 'long run',
    stepAt: () => step,
    schedule: { learningRate: 0.01, warmupEpochs: 0, epochs: steps / stepsPerEpoch },
    batchSize,
    stepsPerEpoch,
    imageShape: [side, side, 3],
    batches: (epoch, startBatch) =>
      data.batches({ batchSize, seed: 1, epoch, startBatch, shuffle: true, augment: true }),
    prepare: async (function_, state, input) => {
      const fast = await compile(function_, [state, input]);
      compiled.push(fast);
      return fast;
    },
    onEpoch: async ({ step: done }) => {
      if (done % every === 0) say(await held(done));
    },
  });
  disposeState(final);
  for (const fast of compiled) await fast.dispose();
}
