/**
 * The engines that the benchmarks compare, each a process of its own that takes steps when asked:
 * `engine.ts` for the three ways to run a step here, `peer.py` for PyTorch, `peer-jax.py` for JAX. A fresh
 * process for each network, so that its peak memory is that network's.
 */
import { fileURLToPath } from 'node:url';
import { startJsonProcess } from './jsonProcess.js';

export const kinds = ['pretrain', 'qat'] as const;
export type Kind = (typeof kinds)[number];

export interface Request {
  /** Three branches with OABN, or merged with 4-bit ClusterQAT. */
  readonly kind: Kind;
  /** Of RepVGG-A0. */
  readonly width: number;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
}

export interface Times {
  /** Wall and processor time of each step. */
  readonly milliseconds: number[];
  readonly cpu: number[];
  /** The largest resident memory of the process so far. */
  readonly peakMiB: number;
}

export interface Engine {
  readonly name: string;
  readonly version: string;
  readonly ask: (request: Request) => Promise<Times>;
  readonly stop: () => void;
}

export const python = process.env.PYTHON ?? 'python3';

/** The interpreter of each peer, and its script with arguments. */
const peerCommands = {
  'torch-eager': [python, 'peer.py', 'eager', 'float32'],
  'torch-compiled': [python, 'peer.py', 'compiled', 'float32'],
  'torch-eager-bf16': [python, 'peer.py', 'eager', 'bfloat16'],
  'torch-compiled-bf16': [python, 'peer.py', 'compiled', 'bfloat16'],
  jax: [process.env.JAX_PYTHON ?? python, 'peer-jax.py'],
} as const satisfies Record<string, readonly [string, string, ...string[]]>;

export const peers = Object.keys(peerCommands) as readonly Peer[];
export type Peer = keyof typeof peerCommands;

export const isPeer = (name: string): name is Peer => name in peerCommands;

/** Why an engine cannot run here. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

/** Starts an engine's process, or says why it cannot run. */
export async function startEngine(name: string): Promise<Engine | Missing> {
  const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const node = [process.execPath, '--conditions=oabn-source', '--import', 'tsx'] as const;
  const [command, script, ...rest] = isPeer(name)
    ? peerCommands[name]
    : [...node.slice(0, 1), 'engine.ts', name];
  const args = [...(isPeer(name) ? [] : node.slice(1)), here(script!), ...rest];
  // Memory that glibc gives back after each step costs a page fault for each of its pages: kept, PyTorch is
  // faster.
  const kept = isPeer(name) ? { MALLOC_TRIM_THRESHOLD_: String(2 ** 34), MALLOC_MMAP_MAX_: '0' } : {};
  const env = { ...kept, ...process.env };
  const child = await startJsonProcess(command!, args, {
    env,
    stderr: isPeer(name) ? 'ignore' : 'inherit',
  });
  if ('missing' in child) return { name, ...child };
  return {
    ...{ name, version: child.version, stop: child.stop },
    ask: async (request) => {
      const { milliseconds, cpu, peakMiB } = ((await child.ask(request)) ?? {}) as Partial<Times>;
      if (!milliseconds || !cpu || !peakMiB) throw new Error(`${name} ended without an answer`);
      return { milliseconds, cpu, peakMiB };
    },
  };
}

/** Starts those that there are, runs `use`, and stops them; `tell` hears which are missing, and why. */
export async function withEngines<T>(
  names: readonly string[],
  use: (engines: readonly Engine[]) => Promise<T>,
  tell: (missing: Missing) => void = () => undefined,
): Promise<T> {
  const engines: Engine[] = [];
  try {
    for (const name of names) {
      const engine = await startEngine(name);
      if ('missing' in engine) tell(engine);
      else engines.push(engine);
    }
    return await use(engines);
  } finally {
    for (const engine of engines) engine.stop();
  }
}

/** The value below which a share of the numbers lie. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);
