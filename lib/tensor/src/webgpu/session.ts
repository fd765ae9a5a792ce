/**
 * A lowered program on a device: pipelines, memory and bind groups are made once; a call sets them one after
 * the other in one pass. Each result has buffers of its own, so that a training loop whose state goes round
 * uses the same few bind groups again and again. That also keeps memory flat: what the driver holds for a
 * bind group is freed only when V8 collects the object, whose size V8 takes for a few bytes.
 */
import { checkDevice, type tf } from '../engines/index.js';
import { withErrors } from './errors.js';
import type { LoweredProgram, NamedTensor } from './lower/index.js';
import { bindGroup, compileDispatches, type Pipeline } from './pipelines.js';
import { planBuffers } from './plan.js';
import type { GpuDispatch } from './program.js';
import { bufferOfTensor, submitPending, tensorOfBuffer, webgpuBackend } from './resident.js';

export interface GpuSession {
  readonly run: (inputs: readonly tf.Tensor[]) => Promise<tf.Tensor[]>;
  /** Milliseconds of each dispatch of one call, in their order; undefined where the device has no clock. */
  readonly profile: (inputs: readonly tf.Tensor[]) => Promise<number[] | undefined>;
  /** Bytes for values within a call, and for constants. */
  readonly scratchBytes: number;
  readonly release: () => void;
}

interface PreparedDispatch extends Pipeline {
  readonly dispatch: GpuDispatch;
  /** Its bind group for buffers by name. */
  readonly bind: (bufferOf: (name: string) => GPUBuffer | undefined) => GPUBindGroup;
}

/**
 * Bind groups that a dispatch keeps: a training loop has one for each parity of the step, times the buffers
 * that its batches go round in.
 */
const keptGroups = 16;
/** Calls that the device may be behind. */
const mostInFlight = 3;

/** @throws UserError when the device refuses a module or lacks the memory */
export async function createGpuSession(device: GPUDevice, program: LoweredProgram): Promise<GpuSession> {
  const backend = webgpuBackend();
  const owned: GPUBuffer[] = [];
  const freeOwned = (): void => owned.forEach((buffer) => buffer.destroy());
  const prepare = async () => {
    const what = 'allocating memory for a compiled step';
    const memory = await withErrors(device, what, () => allocate(device, program, owned));
    return { ...memory, prepared: await prepareDispatches(device, program, memory.buffers) };
  };
  const { buffers, scratchBytes, prepared } = await prepare().catch((error: unknown) => {
    freeOwned();
    throw error;
  });
  const pools = program.results.map(() => new Set<GPUBuffer>());
  const inFlight: Promise<unknown>[] = [];
  let open = true;

  const takeResult = (i: number): GPUBuffer => {
    const [free] = pools[i]!;
    if (free) {
      pools[i]!.delete(free);
      return free;
    }
    const { shape } = program.results[i]!;
    const buffer = device.createBuffer({
      label: program.results[i]!.name,
      size: bytesOf(shape),
      usage: usage(),
    });
    backend.bufferManager.numBytesAllocated += buffer.size;
    return buffer;
  };
  const destroy = (buffer: GPUBuffer): void => {
    backend.bufferManager.numBytesAllocated -= buffer.size;
    buffer.destroy();
  };
  const giveBack = (i: number, buffer: GPUBuffer): void => {
    if (open) pools[i]!.add(buffer);
    else destroy(buffer);
  };
  const bind = (inputs: readonly GPUBuffer[], results: readonly GPUBuffer[]): readonly GPUBindGroup[] => {
    const named = new Map(buffers);
    program.inputs.forEach(({ name }, i) => named.set(name, inputs[i]!));
    program.results.forEach(({ name }, i) => named.set(name, results[i]!));
    return prepared.map((own) => own.bind((name) => named.get(name)));
  };
  /** Bind groups for a call, and the buffers of its results, which are added to `results` one by one. */
  const start = (inputs: readonly tf.Tensor[], results: GPUBuffer[]): readonly GPUBindGroup[] => {
    submitPending(backend);
    const given = inputs.map((tensor) => bufferOfTensor(backend, tensor));
    program.results.forEach((_, i) => results.push(takeResult(i)));
    return bind(given, results);
  };
  /**
   * Does `work` with an array for the buffers of results. Where it fails they are destroyed rather than kept
   * for the next call: the device may not have had the memory for one of them.
   */
  const withResults = async <T>(work: (results: GPUBuffer[]) => Promise<T>): Promise<T> => {
    const results: GPUBuffer[] = [];
    try {
      return await work(results);
    } catch (error) {
      results.forEach(destroy);
      throw error;
    }
  };
  const tensors = (results: readonly GPUBuffer[]): tf.Tensor[] =>
    results.map((buffer, i) =>
      tensorOfBuffer(backend, buffer, program.results[i]!, (released) => giveBack(i, released)),
    );
  const run: GpuSession['run'] = async (inputs) => {
    checkDevice(device);
    if (inFlight.length >= mostInFlight) await inFlight.shift();
    const results = await withResults(async (taken) => {
      await withErrors(device, 'running a compiled step', () => {
        const groups = start(inputs, taken);
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        prepared.forEach(({ pipeline, dispatch: { workgroups } }, i) => {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, groups[i]!);
          pass.dispatchWorkgroups(...workgroups);
        });
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
      return taken;
    });
    inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    return tensors(results);
  };
  const profile: GpuSession['profile'] = async (inputs) => {
    if (!device.features.has('timestamp-query')) return undefined;
    return await withResults(async (taken) => {
      const times = await timeDispatches(device, prepared, start(inputs, taken));
      taken.forEach((buffer, i) => giveBack(i, buffer));
      return times;
    });
  };
  const release = (): void => {
    if (!open) return;
    open = false;
    freeOwned();
    pools.forEach((pool) => pool.forEach(destroy));
    pools.forEach((pool) => pool.clear());
  };
  return { run, profile, scratchBytes, release };
}

const usage = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

const bytesOf = (shape: readonly number[]): number => 4 * shape.reduce((size, n) => size * n, 1);

/** Adds each buffer to `owned` as soon as it is made, so that none is lost where the next one fails. */
function allocate(device: GPUDevice, program: LoweredProgram, owned: GPUBuffer[]) {
  const make = (label: string, size: number): GPUBuffer => {
    const buffer = device.createBuffer({ label, size, usage: usage() });
    owned.push(buffer);
    return buffer;
  };
  const { sizes, bufferOf } = planBuffers(program);
  const scratch = sizes.map((size) => make('scratch', size));
  const buffers = new Map([...bufferOf].map(([name, i]) => [name, scratch[i]!] as const));
  for (const { name, data } of program.constants) {
    const elements = data instanceof Uint8Array ? Int32Array.from(data) : data;
    const buffer = make('constant', elements.byteLength);
    device.queue.writeBuffer(buffer, 0, elements as Float32Array<ArrayBuffer>);
    buffers.set(name, buffer);
  }
  return { buffers, scratchBytes: owned.reduce((sum, { size }) => sum + size, 0) };
}

/** Pipelines, and what makes their bind groups; those that bind nothing but the session's memory are made. */
async function prepareDispatches(
  device: GPUDevice,
  { dispatches }: LoweredProgram,
  buffers: ReadonlyMap<string, GPUBuffer>,
): Promise<PreparedDispatch[]> {
  const pipelines = await compileDispatches(
    device,
    dispatches,
    'Compile the step with the option eager to do without such kernels.',
  );
  return dispatches.map((dispatch, i): PreparedDispatch => {
    const own = { dispatch, ...pipelines[i]! };
    const make = (bufferOf: (name: string) => GPUBuffer | undefined): GPUBindGroup =>
      bindGroup(device, dispatch, own, bufferOf);
    if (dispatch.bindings.every((name) => buffers.has(name))) {
      const fixed = make((name) => buffers.get(name));
      return { ...own, bind: () => fixed };
    }
    const kept = new Map<string, GPUBindGroup>();
    const bind: PreparedDispatch['bind'] = (bufferOf) => {
      const key = dispatch.bindings.map((name) => numberOf(bufferOf(name))).join();
      const group = kept.get(key) ?? make(bufferOf);
      // A map is in the order of insertion, so the first is the one that was used longest ago.
      kept.delete(key);
      kept.set(key, group);
      if (kept.size > keptGroups) kept.delete(kept.keys().next().value!);
      return group;
    };
    return { ...own, bind };
  });
}

const numbers = new WeakMap<GPUBuffer, number>();
let count = 0;

/** A number that stands for the buffer; 0 for none. */
function numberOf(buffer: GPUBuffer | undefined): number {
  if (!buffer) return 0;
  const known = numbers.get(buffer);
  if (known !== undefined) return known;
  numbers.set(buffer, ++count);
  return count;
}

/** A query set holds at most 4,096 times. */
const mostTimed = 2048;

async function timeDispatches(
  device: GPUDevice,
  prepared: readonly PreparedDispatch[],
  groups: readonly GPUBindGroup[],
): Promise<number[]> {
  const times: number[] = [];
  for (let from = 0; from < prepared.length; from += mostTimed) {
    const part = prepared.slice(from, from + mostTimed);
    times.push(...(await timePart(device, part, groups.slice(from, from + mostTimed))));
  }
  return times;
}

async function timePart(
  device: GPUDevice,
  part: readonly PreparedDispatch[],
  groups: readonly GPUBindGroup[],
): Promise<number[]> {
  const querySet = device.createQuerySet({ type: 'timestamp', count: part.length * 2 });
  const size = part.length * 16;
  const resolved = device.createBuffer({
    size,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  try {
    const encoder = device.createCommandEncoder();
    part.forEach(({ pipeline, dispatch: { workgroups } }, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[i]!);
      pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, part.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(read.getMappedRange().slice(0));
    return part.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6);
  } finally {
    [resolved, read].forEach((buffer) => buffer.destroy());
    querySet.destroy();
  }
}

export type { NamedTensor };
