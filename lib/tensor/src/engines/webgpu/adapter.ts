/**
 * Which GPU Dawn would provide, found out in a child process: without a driver Dawn and the Vulkan loader
 * write warnings to stderr, and a broken driver can end the process that loads it. Neither may happen to a
 * user's process.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { errorMessage } from 'oabn-base';

/** A GPU as WebGPU sees it. */
export interface Adapter {
  /** Who made it. */
  readonly vendor: string;
  /** The family of GPUs that it belongs to. */
  readonly architecture: string;
  /** The device: its name in small letters with hyphens, as Dawn gives it. */
  readonly device: string;
  /** What the driver says of itself. */
  readonly description: string;
  /** True for a GPU that is emulated on the CPU. */
  readonly software: boolean;
  /** WebGPU's names of what it offers. */
  readonly features: readonly string[];
}

/**
 * What Dawn is started with.
 *
 * - Matrix units count as an unsafe API because the extension is still experimental.
 * - Half precision is kept from NVIDIA's drivers below 615.71, because they fail some of WebGPU's conformance tests
 *   (crbug.com/42251215). It comes to use only after our own kernels have computed correctly (webgpu/check.ts).
 * - Shaders are not made safe against indices out of bounds, and workgroup memory is not cleared: code of this
 *   project and of tfjs is no web page's, and on an H100 a branch around each load of a matrix halves the speed of
 *   products on matrix units.
 * - Times are rounded to 0.1 ms by default, which is longer than many kernels take.
 */
export const dawnOptions = [
  `enable-dawn-features=${[
    ...['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'],
    ...['disable_robustness', 'disable_workgroup_init'],
  ].join()}`,
  'disable-dawn-features=timestamp_quantization',
] as const;

/**
 * A shape of matrices that a subgroup multiplies at once, [m,k]·[k,n], and the types of operands and sums.
 */
export interface MatrixUnits {
  /** Rows of the left operand and of the result. */
  readonly m: number;
  /** Columns of the right operand and of the result. */
  readonly n: number;
  /** Columns of the left operand, and rows of the right one. */
  readonly k: number;
  /** Precision of the operands. */
  readonly component: 'f16' | 'f32';
  /** Precision of the sums. */
  readonly result: 'f16' | 'f32';
  /** Lanes of a subgroup. */
  readonly subgroupSize: number;
}

/**
 * The floating-point shapes that an adapter offers. Empty where subgroups vary in size, which kernels cannot
 * plan for.
 */
export function matrixUnitsOf(info: GPUAdapterInfo): MatrixUnits[] {
  const { subgroupMatrixConfigs, subgroupMinSize, subgroupMaxSize } = info as GPUAdapterInfo & DawnInfo;
  if (!subgroupMatrixConfigs || subgroupMinSize !== subgroupMaxSize) return [];
  const isFloat = (type: string): type is 'f16' | 'f32' => type === 'f16' || type === 'f32';
  return subgroupMatrixConfigs.flatMap(({ M, N, K, componentType, resultComponentType }) =>
    isFloat(componentType) && isFloat(resultComponentType)
      ? [
          {
            m: M,
            n: N,
            k: K,
            component: componentType,
            result: resultComponentType,
            subgroupSize: subgroupMaxSize!,
          },
        ]
      : [],
  );
}

/** What Dawn adds to an adapter's info. */
interface DawnInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: readonly {
    readonly M: number;
    readonly N: number;
    readonly K: number;
    readonly componentType: string;
    readonly resultComponentType: string;
  }[];
}

/** An adapter, or why there is none. */
export type AdapterProbe = { readonly adapter: Adapter } | { readonly missing: string };

/** True when the user asked for emulated GPUs to count: OABN_WEBGPU_SOFTWARE=1. */
const softwareAllowed = (): boolean => process.env.OABN_WEBGPU_SOFTWARE === '1';

/** The adapter that `requestAdapter` would give in this process; software ones only when they are allowed. */
export async function probeAdapter(): Promise<AdapterProbe> {
  if (!softwareAllowed() && !(await hasGpuDevice())) {
    return { missing: 'no GPU device in /dev (nvidia*, dri/renderD*, dxg)' };
  }
  const probe = await askDawn();
  if ('missing' in probe || !probe.adapter.software || softwareAllowed()) return probe;
  const name = describeAdapter(probe.adapter);
  return { missing: `only an emulated GPU answers (${name}); OABN_WEBGPU_SOFTWARE=1 would use it, slowly` };
}

/**
 * The adapter in words: the device, as in «nvidia-h100-80gb-hbm3», and what Dawn says of it, which is the driver
 * where that is Vulkan's.
 */
export function describeAdapter({
  vendor,
  architecture,
  device,
  description,
}: Omit<Adapter, 'features' | 'software'>): string {
  const name = device.replace(/-+$/, '') || [vendor, architecture].filter(Boolean).join(' ');
  if (!name) return description || 'unnamed adapter';
  return description ? `${name} (${description})` : name;
}

/** Whether an adapter is really a CPU: SwiftShader, llvmpipe, Microsoft's basic renderer. */
export function isSoftware(
  info: Record<'vendor' | 'architecture' | 'device' | 'description', string>,
): boolean {
  const text = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i.test(text);
}

/** A cheap first look: on Linux a GPU that can compute has a device file. */
async function hasGpuDevice(): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const list = async (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
  const names = [...(await list('/dev')), ...(await list('/dev/dri'))];
  return names.some((name) => /^(nvidia|renderD|dxg$|kgsl|mali|nvmap)/.test(name));
}

const seconds = 30;

async function askDawn(): Promise<AdapterProbe> {
  const dawn = createRequire(import.meta.url).resolve('webgpu');
  const script = `
    const { create } = await import(${JSON.stringify(pathToFileURL(dawn).href)});
    const adapter = await create(${JSON.stringify(dawnOptions)}).requestAdapter({ powerPreference: 'high-performance' });
    const { vendor, architecture, device, description, isFallbackAdapter } = adapter?.info ?? {};
    const found = adapter && { vendor, architecture, device, description, software: isFallbackAdapter };
    const answer = JSON.stringify(found && { ...found, features: [...adapter.features] });
    process.stdout.write('\\nadapter ' + answer + '\\n', () => process.exit(0));`;
  const { stdout, stderr, failure } = await run(script);
  const answer = /^adapter (.*)$/m.exec(stdout)?.[1];
  if (answer === undefined) return { missing: `Dawn did not start: ${failure ?? lastLine(stderr)}` };
  const adapter = JSON.parse(answer) as Adapter | null;
  if (!adapter) return { missing: `Dawn found no GPU: ${lastLine(stderr) || 'no driver answers'}` };
  return { adapter: { ...adapter, software: adapter.software || isSoftware(adapter) } };
}

interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly failure?: string;
}

function run(script: string): Promise<Finished> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const options = { timeout: seconds * 1000, env, windowsHide: true };
  return new Promise((resolve) => {
    const parameters = ['--input-type=module', '--eval', script];
    execFile(process.execPath, parameters, options, (error, stdout, stderr) => {
      if (!error) resolve({ stdout, stderr });
      else if (error.killed) resolve({ stdout, stderr, failure: `no answer in ${seconds} s` });
      else resolve({ stdout, stderr, failure: lastError(stderr) || errorMessage(error) });
    });
  });
}

const lines = (text: string): string[] => text.split('\n').map((line) => line.trim());
/** The last warning is Dawn's clearest; lines with «at …» name its source files. */
const lastLine = (text: string): string =>
  lines(text)
    .findLast((line) => line !== '' && !/^(at |- While|error: XDG)/.test(line))
    ?.replace(/^Warning: |\.$/g, '') ?? '';
const lastError = (text: string): string => lines(text).findLast((line) => /error/i.test(line)) ?? '';
