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
  const { buffers, scratchBytes } = await withErrors(device, 'allocating memory for a compiled step', () =>
    allocate(device, program, owned),
  );
  const prepared = await prepareDispatches(device, program, buffers);
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
  const start = (inputs: readonly tf.Tensor[]) => {
    submitPending(backend);
    const given = inputs.map((tensor) => bufferOfTensor(backend, tensor));
    const results = program.results.map((_, i) => takeResult(i));
    return { groups: bind(given, results), results };
  };
  const tensors = (results: readonly GPUBuffer[]): tf.Tensor[] =>
    results.map((buffer, i) =>
      tensorOfBuffer(backend, buffer, program.results[i]!, (released) => giveBack(i, released)),
    );
  const run: GpuSession['run'] = async (inputs) => {
    checkDevice(device);
    if (inFlight.length >= mostInFlight) await inFlight.shift();
    const results = await withErrors(device, 'running a compiled step', () => {
      const call = start(inputs);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      prepared.forEach(({ pipeline, dispatch: { workgroups } }, i) => {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, call.groups[i]!);
        pass.dispatchWorkgroups(...workgroups);
      });
      pass.end();
      device.queue.submit([encoder.finish()]);
      return call.results;
    });
    inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    return tensors(results);
  };
  const profile: GpuSession['profile'] = async (inputs) => {
    if (!device.features.has('timestamp-query')) return undefined;
    const { groups, results } = start(inputs);
    const times = await timeDispatches(device, prepared, groups);
    results.forEach((buffer, i) => giveBack(i, buffer));
    return times;
  };
  const release = (): void => {
    if (!open) return;
    open = false;
    owned.forEach((buffer) => buffer.destroy());
    pools.forEach((pool) => pool.forEach(destroy));
    pools.forEach((pool) => pool.clear());
  };
  return { run, profile, scratchBytes, release };
}

const usage = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

const bytesOf = (shape: readonly number[]): number => 4 * shape.reduce((size, n) => size * n, 1);

function allocate(device: GPUDevice, program: LoweredProgram, owned: GPUBuffer[]) {
  const { sizes, bufferOf } = planBuffers(program);
  const scratch = sizes.map((size) => device.createBuffer({ label: 'scratch', size, usage: usage() }));
  const buffers = new Map([...bufferOf].map(([name, i]) => [name, scratch[i]!] as const));
  const constants = program.constants.map(({ name, data }) => {
    const elements = data instanceof Uint8Array ? Int32Array.from(data) : data;
    const buffer = device.createBuffer({ label: 'constant', size: elements.byteLength, usage: usage() });
    device.queue.writeBuffer(buffer, 0, elements as Float32Array<ArrayBuffer>);
    buffers.set(name, buffer);
    return buffer;
  });
  owned.push(...scratch, ...constants);
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
    const querySet = device.createQuerySet({ type: 'timestamp', count: part.length * 2 });
    const size = part.length * 16;
    const resolved = device.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    part.forEach(({ pipeline, dispatch: { workgroups } }, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[from + i]!);
      pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, part.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(read.getMappedRange().slice(0));
    part.forEach((_, i) => times.push(Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6));
    [resolved, read].forEach((buffer) => buffer.destroy());
    querySet.destroy();
  }
  return times;
}

export type { NamedTensor };
