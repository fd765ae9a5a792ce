/** Where tests find a GPU: a real one where there is one, else Debian's emulated one; and what runs on it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { probeAdapter } from '../../../src/engines/webgpu/adapter.js';

/** Debian's chromium brings a Vulkan driver that computes on the CPU. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The environment of a process that finds an adapter, or why there is none. */
export async function findAdapter(): Promise<{ environment: NodeJS.ProcessEnv } | { missing: string }> {
  const real = await probeAdapter();
  if ('adapter' in real) return { environment: {} };
  const driver = process.env.VK_DRIVER_FILES ?? (existsSync(swiftShader) ? swiftShader : undefined);
  const environment = { OABN_WEBGPU_SOFTWARE: '1', ...(driver ? { VK_DRIVER_FILES: driver } : {}) };
  const before = { ...process.env };
  Object.assign(process.env, environment);
  const emulated = await probeAdapter();
  for (const name of Object.keys(environment)) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
  if ('adapter' in emulated) return { environment };
  return { missing: `no GPU (${real.missing}) and none emulated (${emulated.missing})` };
}

const counts = new Map<string, number>();

/** Counts results that were computed on a device; when the tests are over, the sums are printed. */
function count(device: string, results: number): void {
  if (counts.size === 0)
    process.once('exit', () => {
      for (const [name, sum] of counts)
        console.log(`  WebGPU: ${sum} results of kernels and steps, on ${name}`);
    });
  counts.set(device, (counts.get(device) ?? 0) + results);
}

/**
 * Runs a script in a process that finds an adapter. Returns the lines of JSON that it prints, the first with
 * the `device`, and what it says on standard error; skips the tests of `context`, saying why, where there is
 * no adapter. The script gets `parameters`, and may call for the garbage collector.
 */
export async function runOnGpu<Line extends { readonly device?: string }>(
  context: Mocha.Context,
  script: URL,
  parameters: readonly string[] = [],
): Promise<{ lines: Line[]; stderr: string }> {
  const found = await findAdapter();
  if ('missing' in found) {
    console.log(
      `    skipped: ${found.missing}; install chromium and libvulkan1 to run these tests without a GPU`,
    );
    return context.skip();
  }
  const env = { ...process.env, ...found.environment };
  const flags = ['--expose-gc', '--conditions=oabn-source', '--import', 'tsx'];
  const args = [...flags, fileURLToPath(script), ...parameters];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
  const device = lines[0]?.device ?? 'a device without a name';
  console.log(`    on ${device}`);
  count(device, lines.length - 1);
  return { lines, stderr };
}
