/** Where tests find a GPU: a real one where there is one, else Debian's emulated one. */
import { existsSync } from 'node:fs';
import { probeAdapter } from '../../../lib/src/backend/webgpu/adapter.js';

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
