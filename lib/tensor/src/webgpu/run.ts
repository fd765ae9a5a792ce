/** Running one program by itself on buffers by name, for tests, benchmarks and self-checks. */
import { withErrors } from './errors.js';
import { bindGroup, compileDispatches } from './pipelines.js';
import type { GpuProgram } from './program.js';

/** A program on a device, to be encoded any number of times. */
export interface PreparedProgram {
  /** The labels of its dispatches. */
  readonly label: string;
  /** Adds its dispatches to a compute pass. @throws UserError when `buffers` lacks one */
  readonly encode: (pass: GPUComputePassEncoder, buffers: Readonly<Record<string, GPUBuffer>>) => void;
  /** Frees the scratch memory. */
  readonly dispose: () => void;
}

/** Compiles a program. @throws UserError with the compiler's words when the device does not take it */
export async function prepareProgram(device: GPUDevice, program: GpuProgram): Promise<PreparedProgram> {
  const label = program.dispatches.map((dispatch) => dispatch.label).join('; ');
  const pipelines = await compileDispatches(device, program.dispatches);
  const scratch: Record<string, GPUBuffer> = {};
  const dispose = (): void => Object.values(scratch).forEach((buffer) => buffer.destroy());
  try {
    await withErrors(device, `allocating memory for «${label}»`, () => {
      for (const [name, size] of Object.entries(program.scratch))
        scratch[name] = device.createBuffer({ label: name, size, usage: GPUBufferUsage.STORAGE });
    });
  } catch (error) {
    // What was allocated before memory ran out.
    dispose();
    throw error;
  }
  const encode: PreparedProgram['encode'] = (pass, buffers) => {
    program.dispatches.forEach((dispatch, i) => {
      const own = pipelines[i]!;
      pass.setPipeline(own.pipeline);
      pass.setBindGroup(
        0,
        bindGroup(device, dispatch, own, (name) => scratch[name] ?? buffers[name]),
      );
      pass.dispatchWorkgroups(...dispatch.workgroups);
    });
  };
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
  await withErrors(device, `running «${label}»`, () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, buffers);
    pass.end();
    device.queue.submit([encoder.finish()]);
  });
  await device.queue.onSubmittedWorkDone();
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
