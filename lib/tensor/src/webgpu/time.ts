/**
 * How long a program takes on its device. A sample is one pass that runs the program often enough that
 * starting it does not matter; the device's own clock measures it where there is one, else the time from
 * submitting to the end.
 */
import { quantile } from 'oabn-base';
import type { GpuProgram } from './program.js';
import { prepareProgram, runPrepared } from './run.js';

/** How long a program takes. */
export interface Timing {
  /** Seconds that one run takes: the median of the samples. */
  readonly seconds: number;
  /** Runs of the program in one sample. */
  readonly runs: number;
  /** How many samples were taken. */
  readonly samples: number;
  /** Whose clock measured. */
  readonly clock: 'device' | 'host';
}

/** How often it is run. */
export interface TimingOptions {
  /** Samples to take at least; default 5. */
  readonly samples?: number;
  /** A sample is at least this long; default 20 ms. */
  readonly sampleMs?: number;
  /** No further sample once this much time has passed; default 2000 ms. */
  readonly budgetMs?: number;
}

/**
 * How long a program takes on the device: the median of `samples` samples.
 * @throws UserError when the device does not take the program
 */
export async function timeProgram(
  device: GPUDevice,
  program: GpuProgram,
  buffers: Readonly<Record<string, GPUBuffer>>,
  { samples = 5, sampleMs = 20, budgetMs = 2000 }: TimingOptions = {},
): Promise<Timing> {
  const prepared = await prepareProgram(device, program);
  const clock = makeClock(device);
  try {
    // Reports errors, and warms up caches and the card's clock.
    await runPrepared(device, prepared, buffers);
    const sample = (runs: number): Promise<number> =>
      clock.measure((pass) => {
        for (let i = 0; i < runs; i++) prepared.encode(pass, buffers);
      });
    const began = performance.now();
    let runs = 1;
    let taken = await sample(runs);
    while (taken * 1000 < sampleMs && performance.now() - began < budgetMs && runs < 4096) {
      runs *= 2;
      taken = await sample(runs);
    }
    const times = [taken];
    while (times.length < samples && performance.now() - began < budgetMs) times.push(await sample(runs));
    times.sort((a, b) => a - b);
    return { seconds: quantile(times, 0.5) / runs, runs, samples: times.length, clock: clock.kind };
  } finally {
    prepared.dispose();
    clock.dispose();
  }
}

interface Clock {
  readonly kind: Timing['clock'];
  /** Seconds that a pass takes. */
  readonly measure: (work: (pass: GPUComputePassEncoder) => void) => Promise<number>;
  readonly dispose: () => void;
}

function makeClock(device: GPUDevice): Clock {
  return device.features.has('timestamp-query') ? deviceClock(device) : hostClock(device);
}

function hostClock(device: GPUDevice): Clock {
  const measure: Clock['measure'] = async (work) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    work(pass);
    pass.end();
    const commands = encoder.finish();
    const began = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - began) / 1000;
  };
  return { kind: 'host', measure, dispose: () => undefined };
}

function deviceClock(device: GPUDevice): Clock {
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const host = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const measure: Clock['measure'] = async (work) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    work(pass);
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, host, 0, 16);
    device.queue.submit([encoder.finish()]);
    await host.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(host.getMappedRange().slice(0)) as unknown as [bigint, bigint];
    host.unmap();
    return Number(end - begin) / 1e9;
  };
  const dispose = (): void => {
    querySet.destroy();
    resolved.destroy();
    host.destroy();
  };
  return { kind: 'device', measure, dispose };
}
