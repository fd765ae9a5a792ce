/**
 * From WGSL to pipelines and the buffers that they are bound to, for steps that are replayed
 * (`session.ts`) and for single programs (`run.ts`).
 *
 * A layout says what the module declares. One that WebGPU derives itself would leave out what the module does
 * not use, and then refuse the buffer bound there.
 */
import { checkDevice } from '../engines/index.js';
import { errorMessage, UserError } from 'oabn-base';
import { firstLines } from './errors.js';
import type { GpuDispatch } from './program.js';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/**
 * The pipelines of dispatches, in their order; equal modules are compiled once.
 * @param advice what a user can do about a kernel that the device refuses
 * @throws UserError with the label of the kernel, the compiler's words and the line that they are about
 */
export async function compileDispatches(
  device: GPUDevice,
  dispatches: readonly GpuDispatch[],
  advice = '',
): Promise<Pipeline[]> {
  const compiled = new Map<string, Promise<Pipeline>>();
  return Promise.all(
    dispatches.map(({ wgsl, label }) => {
      const made = compiled.get(wgsl) ?? compileModule(device, wgsl, label, advice);
      compiled.set(wgsl, made);
      return made;
    }),
  );
}

async function compileModule(
  device: GPUDevice,
  code: string,
  label: string,
  advice: string,
): Promise<Pipeline> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code });
  const layout = device.createBindGroupLayout({ label, entries: layoutEntries(code) });
  const making = device.createComputePipelineAsync({
    label,
    layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: 'main' },
  });
  const [reported, made] = await Promise.allSettled([device.popErrorScope(), making]);
  if (made.status === 'fulfilled') return { pipeline: made.value, layout };
  checkDevice(device);
  const refused = reported.status === 'fulfilled' ? reported.value : undefined;
  const why = (await wrongLine(module, code)) ?? firstLines(refused?.message ?? errorMessage(made.reason));
  throw new UserError(`The GPU does not take the kernel «${label}»: ${why}${advice && `. ${advice}`}`);
}

/** What the compiler says of the first line that it does not take, and that line. */
async function wrongLine(module: GPUShaderModule, code: string): Promise<string | undefined> {
  const { messages } = await module.getCompilationInfo();
  const wrong = messages.find(({ type }) => type === 'error');
  if (!wrong) return undefined;
  return `${wrong.message} (line ${wrong.lineNum}: ${code.split('\n')[wrong.lineNum - 1]?.trim() ?? ''})`;
}

function layoutEntries(code: string): GPUBindGroupLayoutEntry[] {
  const declared = code.matchAll(/@binding\((\d+)\)\s*var<storage,\s*(read_write|read)>/g);
  return [...declared].map(([, binding, access]) => ({
    binding: Number(binding),
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
  }));
}

/** The buffers of a dispatch. @throws UserError when `bufferOf` has none for a name */
export function bindGroup(
  device: GPUDevice,
  { label, bindings }: GpuDispatch,
  { layout }: Pick<Pipeline, 'layout'>,
  bufferOf: (name: string) => GPUBuffer | undefined,
): GPUBindGroup {
  const entries = bindings.map((name, binding) => {
    const buffer = bufferOf(name);
    if (!buffer) throw new UserError(`${label} needs the buffer «${name}», which is not given`);
    return { binding, resource: { buffer } };
  });
  return device.createBindGroup({ label, layout, entries });
}
