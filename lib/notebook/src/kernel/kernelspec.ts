/**
 * The kernelspec: the folder that tells every Jupyter of this user how to start our kernel. It is written
 * without Python into the per-user data folder, where JupyterLab, the classic notebook, VS Code and nbconvert
 * of any Python environment look for it. Source: jupyter-client's documentation, «Making kernels for Jupyter,
 * kernel specs».
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorMessage, UserError, writeFileAtomic, writeJsonAtomic } from 'oabn-base';
import { jupyterDataFolder } from './jupyterFolder.js';
import { kernelDisplayName, kernelLanguage, kernelName } from './kernelName.js';
import { kernelCommand } from '../run/kernelProcess.js';

/** Where the kernel is installed. */
export interface KernelspecOptions {
  /** Install into `<prefix>/share/jupyter` (a Python environment, say) instead of the user's folder. */
  readonly prefix?: string;
}

/** Where the kernel is installed, and the environment that it starts with. */
export interface InstallOptions extends KernelspecOptions {
  /** Set for this kernel on top of Jupyter's own environment, such as `{ OABN_BACKEND: 'wasm' }`. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Kernelspec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: string;
  readonly interrupt_mode: 'message';
  readonly env: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** `outdated`: installed, but differently from how this version would do it. */
export type KernelState = 'installed' | 'missing' | 'outdated';

/** Whether Jupyter has the kernel. */
export interface KernelStatus {
  /** Whether it is installed, and as this version would do it. */
  readonly state: KernelState;
  /** The kernelspec's folder. */
  readonly folder: string;
  /** The same in a sentence, with what to do. */
  readonly summary: string;
}

function kernelFolder({ prefix }: KernelspecOptions): string {
  const data = prefix === undefined ? jupyterDataFolder() : join(resolve(prefix), 'share', 'jupyter');
  return join(data, 'kernels', kernelName);
}

function createKernelspec(env: Kernelspec['env']): Kernelspec {
  return {
    argv: kernelCommand('{connection_file}'),
    display_name: kernelDisplayName,
    language: kernelLanguage,
    interrupt_mode: 'message',
    env,
    metadata: { debugger: true },
  };
}

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="9" fill="#0072b2"/>
<g fill="none" stroke="#fff" stroke-width="4"><path d="M12 22h10c8 0 8 10 16 10h14"/><path d="M12 32h40"/><path d="M12 42h10c8 0 8-10 16-10"/></g>
<circle cx="52" cy="32" r="5" fill="#e69f00"/>
</svg>
`;

/**
 * Registers this kernel. Installing again replaces what was there.
 * @throws UserError when the library is not built or the folder cannot be written.
 */
export async function installKernel({ env = {}, ...options }: InstallOptions = {}): Promise<KernelStatus> {
  const folder = kernelFolder(options);
  const kernelspec = createKernelspec(env);
  try {
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(join(folder, 'logo-svg.svg'), logo);
    await writeJsonAtomic(join(folder, 'kernel.json'), kernelspec);
  } catch (error) {
    throw new UserError(`Cannot write the kernelspec into ${folder}: ${errorMessage(error)}`);
  }
  return kernelStatus(options);
}

/** Removes the kernelspec; does nothing if there is none. */
export async function uninstallKernel(options: KernelspecOptions = {}): Promise<KernelStatus> {
  await rm(kernelFolder(options), { recursive: true, force: true });
  return kernelStatus(options);
}

/** Whether the kernelspec is there and starts this library with this Node. */
export async function kernelStatus(options: KernelspecOptions = {}): Promise<KernelStatus> {
  const folder = kernelFolder(options);
  const how =
    options.prefix === undefined ? 'oabn kernel install' : `oabn kernel install --prefix ${options.prefix}`;
  const found = await readKernelspec(join(folder, 'kernel.json'));
  if (!found) {
    return { state: 'missing', folder, summary: `«${kernelDisplayName}» is not in ${folder}; run «${how}»` };
  }
  const expected = kernelCommand('{connection_file}');
  const gone = found.argv.slice(0, 3).find((part) => !part.startsWith('-') && !existsSync(part));
  const same = JSON.stringify(found.argv) === JSON.stringify(expected);
  if (gone === undefined && same) {
    return { state: 'installed', folder, summary: `«${kernelDisplayName}» is installed in ${folder}` };
  }
  const why = gone === undefined ? `it starts ${found.argv.join(' ')}` : `it starts ${gone}, which is gone`;
  return {
    state: 'outdated',
    folder,
    summary: `«${kernelDisplayName}» in ${folder} is not this one: ${why}; run «${how}»`,
  };
}

async function readKernelspec(path: string): Promise<{ argv: string[] } | undefined> {
  try {
    const { argv } = JSON.parse(await readFile(path, 'utf8')) as { argv?: unknown };
    return Array.isArray(argv) ? { argv: argv.map(String) } : { argv: [] };
  } catch {
    return undefined;
  }
}
