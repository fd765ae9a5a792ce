/**
 * Running one program by itself, for tests, benchmarks and self-checks: pipelines are compiled, scratch is allocated,
 * and what WebGPU reports aside becomes an error here.
 */
import { check, errorMessage, UserError } from '../../base/index.js';
import type { GpuDispatch, GpuProgram } from './program.js';

/** A program on a device, to be encoded any number of times. */
export interface PreparedProgram {
  readonly label: string;
  /** Adds its dispatches to a compute pass. @throws UserError when `buffers` lacks one */
  readonly encode: (pass: GPUComputePassEncoder, buffers: Readonly<Record<string, GPUBuffer>>) => void;
  /** Lets go of the scratch. */
  readonly dispose: () => void;
}

/** Compiles a program. @throws UserError with the compiler's words when the device does not take it */
export async function prepareProgram(device: GPUDevice, program: GpuProgram): Promise<PreparedProgram> {
  const label = program.dispatches.map((dispatch) => dispatch.label).join('; ');
  const pipelines = await Promise.all(
    program.dispatches.map((dispatch) => compileDispatch(device, dispatch)),
  );
  const allocate = (): Record<string, GPUBuffer> =>
    Object.fromEntries(
      Object.entries(program.scratch).map(([name, size]) => [
        name,
        device.createBuffer({ label: name, size, usage: GPUBufferUsage.STORAGE }),
      ]),
    );
  const scratch = await reporting(device, label, () => Promise.resolve(allocate()));
  const encode: PreparedProgram['encode'] = (pass, buffers) => {
    program.dispatches.forEach(({ bindings, workgroups, label: kernel }, i) => {
      const entries = bindings.map((name, binding) => {
        const buffer = scratch[name] ?? buffers[name];
        check(
          buffer,
          () => `${kernel} needs the buffer «${name}»; given are ${Object.keys(buffers).join(', ')}`,
        );
        return { binding, resource: { buffer } };
      });
      pass.setPipeline(pipelines[i]!);
      pass.setBindGroup(0, device.createBindGroup({ layout: pipelines[i]!.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(...workgroups);
    });
  };
  const dispose = (): void => Object.values(scratch).forEach((buffer) => buffer.destroy());
  return { label, encode, dispose };
}

/**
 * Runs a program once on buffers by name and waits for it.
 * @throws UserError when the device refuses it, is out of memory, or a buffer is missing
 */
export async function runProgram(
  device: GPUDevice,
  program: GpuProgram,
  buffers: Readonly<Record<string, GPUBuffer>>,
): Promise<void> {
  const prepared = await prepareProgram(device, program);
  try {
    await runPrepared(device, prepared, buffers);
  } finally {
    prepared.dispose();
  }
}

/** Runs a prepared program once and waits for it. @throws UserError like `runProgram` */
export async function runPrepared(
  device: GPUDevice,
  { encode, label }: PreparedProgram,
  buffers: Readonly<Record<string, GPUBuffer>>,
): Promise<void> {
  await reporting(device, label, async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, buffers);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  });
}

/** Does `work`, and throws what the device reported meanwhile. */
async function reporting<T>(device: GPUDevice, label: string, work: () => Promise<T>): Promise<T> {
  const filters = ['validation', 'out-of-memory', 'internal'] as const;
  filters.forEach((filter) => device.pushErrorScope(filter));
  const [outcome] = await Promise.allSettled([work()]);
  const found = await Promise.all(filters.map(() => device.popErrorScope()));
  const reported = found.find((error) => error !== null);
  if (outcome.status === 'rejected') throw outcome.reason;
  check(!reported, () => `The GPU refused «${label}»: ${reported?.message.split('\n')[0]}`);
  return outcome.value;
}

async function compileDispatch(device: GPUDevice, { label, wgsl }: GpuDispatch): Promise<GPUComputePipeline> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: wgsl });
  const refused = await device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const wrong = messages.find(({ type }) => type === 'error');
  const where = wrong ? ` (line ${wrong.lineNum}: ${wgsl.split('\n')[wrong.lineNum - 1]?.trim() ?? ''})` : '';
  const message = wrong?.message ?? refused?.message.split('\n')[0];
  check(message === undefined, () => `The GPU does not take the kernel «${label}»: ${message}${where}`);
  try {
    return await device.createComputePipelineAsync({
      label,
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
  } catch (error) {
    throw new UserError(`The GPU does not take the kernel «${label}»: ${errorMessage(error).split('\n')[0]}`);
  }
}

/** A buffer with `values`, which programs may read and write. */
export function uploadFloats(device: GPUDevice, values: Float32Array, label?: string): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({
    ...(label === undefined ? {} : { label }),
    size: Math.max(4, values.byteLength),
    usage,
  });
  device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return buffer;
}

/** The numbers of a buffer. */
export async function readFloats(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const { size } = buffer;
  const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(copy.getMappedRange().slice(0));
  copy.destroy();
  return values;
}
