/**
 * The engines that the benchmarks compare, each a process of its own that takes steps when asked: `engine.ts` for the
 * three ways to run a step here, `peer.py` for PyTorch. A fresh process for each network, so that its peak memory is that
 * network's.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

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

type Answer = Partial<Times> & { readonly version?: string };

export interface Engine {
  readonly name: string;
  readonly version: string;
  readonly ask: (request: Request) => Promise<Times>;
  readonly stop: () => void;
}

export const python = process.env.PYTHON ?? 'python3';

/** Starts an engine's process; undefined if it does not answer (no Python, no torch). */
export async function startEngine(name: string): Promise<Engine | undefined> {
  const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const [command, args] =
    name === 'pytorch'
      ? [python, [here('peer.py')]]
      : [process.execPath, ['--conditions=oabn-source', '--import', 'tsx', here('engine.ts'), name]];
  // Waiting threads that spin slow PyTorch down several times when anything else wants a core.
  const env = { OMP_WAIT_POLICY: 'passive', ...process.env };
  const child = spawn(command, args, {
    env,
    stdio: ['pipe', 'pipe', name === 'pytorch' ? 'ignore' : 'inherit'],
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Answer | undefined> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) return undefined;
      if (String(value).startsWith('{')) return JSON.parse(String(value)) as Answer;
    }
  };
  const hello = await answer();
  if (!hello) return undefined;
  return {
    name,
    version: hello.version ?? '',
    stop: () => child.kill(),
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { milliseconds, cpu, peakMiB } = (await answer()) ?? {};
      if (!milliseconds || !cpu || !peakMiB) throw new Error(`${name} ended without an answer`);
      return { milliseconds, cpu, peakMiB };
    },
  };
}

/** Starts those that there are, runs `use`, and stops them. */
export async function withEngines<T>(
  names: readonly string[],
  use: (engines: readonly Engine[]) => Promise<T>,
): Promise<T> {
  const engines: Engine[] = [];
  try {
    for (const name of names) {
      const engine = await startEngine(name);
      if (engine) engines.push(engine);
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
