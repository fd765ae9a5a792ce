/**
 * One training step, engine against engine, in turn in the same run: stock tfjs on wasm, the library's own wasm
 * kernels, the compiled step, and PyTorch where Python has it. RepVGG-A0 on 32×32 images: pretraining (three
 * branches, OABN) and QAT (merged, 4-bit ClusterQAT).
 *
 *     npx tsx bench/step.ts [--widths 0.25,1] [--kinds pretrain,qat] [--batch 128] [--threads 2] [--rounds 5]
 *                           [--engines stock,eager,compiled,pytorch] [--out bench-step.json]
 *
 * PYTHON names the interpreter to ask for PyTorch (default python3).
 */
import { spawn } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../lib/src/base/index.js';
import { costOf, repvgg } from '../lib/src/model/index.js';

const { values: flags } = parseArgs({
  options: {
    widths: { type: 'string', default: '0.25,1' },
    kinds: { type: 'string', default: 'pretrain,qat' },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    engines: { type: 'string', default: 'stock,eager,compiled,pytorch' },
    out: { type: 'string' },
  },
});
const [batch, threads, rounds] = [Number(flags.batch), Number(flags.threads), Number(flags.rounds)];
const python = process.env.PYTHON ?? 'python3';

interface Times {
  /** Wall and processor time of each step, in milliseconds. */
  readonly milliseconds: number[];
  readonly cpu: number[];
}

type Answer = Partial<Times> & { readonly version?: string };

interface Engine {
  readonly name: string;
  readonly version: string;
  readonly ask: (request: object) => Promise<Times>;
  readonly stop: () => void;
}

/** Starts an engine's process; undefined if it does not answer (no Python, no torch). */
async function start(name: string): Promise<Engine | undefined> {
  const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const [command, args] =
    name === 'pytorch'
      ? [python, [here('peer.py')]]
      : [process.execPath, ['--import', 'tsx', here('engine.ts'), name]];
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
      const { milliseconds, cpu } = (await answer()) ?? {};
      if (!milliseconds || !cpu) throw new Error(`${name} ended without an answer`);
      return { milliseconds, cpu };
    },
  };
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

interface Measurement extends Times {
  readonly kind: string;
  readonly width: number;
  readonly engine: string;
  readonly imagesPerSecond: number;
  /** Multiply–accumulates of forward, input and kernel gradient, twice, per second. */
  readonly gflops: number;
}

/** All engines in turn, `rounds` times; slow ones take one step a round and at most two rounds. */
async function measure(engines: readonly Engine[], kind: string, width: number): Promise<Measurement[]> {
  const times = new Map(engines.map((engine): [Engine, Times] => [engine, { milliseconds: [], cpu: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const slow = engine.name === 'stock' || engine.name === 'eager';
      if (slow && round >= 2) continue;
      const { milliseconds, cpu } = await engine.ask({ kind, width, batch, threads, steps: slow ? 1 : 3 });
      times.get(engine)!.milliseconds.push(...milliseconds);
      times.get(engine)!.cpu.push(...cpu);
    }
  }
  const macs = costOf(repvgg('A0', { width }), 32, kind === 'qat' ? 'merged' : 'training').macs;
  return engines.map((engine) => {
    const { milliseconds, cpu } = times.get(engine)!;
    const seconds = median(milliseconds) / 1000;
    return {
      kind,
      width,
      engine: engine.name,
      milliseconds,
      cpu,
      imagesPerSecond: batch / seconds,
      gflops: (6 * macs * batch) / seconds / 1e9,
    };
  });
}

function printTable(rows: readonly Measurement[]): void {
  const time = (engine: string, of: keyof Times = 'milliseconds'): number | undefined => {
    const row = rows.find((each) => each.engine === engine);
    return row && median(row[of]);
  };
  const ratio = (slow: number | undefined, fast: number): string =>
    slow === undefined ? '–' : `${(slow / fast).toFixed(2)}×`;
  for (const { kind, width, engine, milliseconds, cpu, imagesPerSecond, gflops } of rows) {
    const own = median(milliseconds);
    const cells = [
      kind.padEnd(9),
      `width ${width}`.padEnd(11),
      engine.padEnd(9),
      `${own.toFixed(0)} ms`.padStart(9),
      `${imagesPerSecond.toFixed(0)} img/s`.padStart(11),
      `${gflops.toFixed(0)} GFLOP/s`.padStart(12),
      `vs stock ${ratio(time('stock'), own)}`.padStart(17),
      `vs PyTorch ${ratio(time('pytorch'), own)}`.padStart(19),
      `CPU ${median(cpu).toFixed(0)} ms, ${ratio(time('pytorch', 'cpu'), median(cpu))}`.padStart(21),
    ];
    console.log(cells.join(' '));
  }
}

const started = await Promise.all(flags.engines.split(',').map(start));
const engines = started.filter((engine): engine is Engine => engine !== undefined);
if (flags.engines.includes('pytorch') && !engines.some(({ name }) => name === 'pytorch')) {
  console.log(`PyTorch: not measured, ${python} does not import torch (name another with PYTHON=…)`);
}
const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores`;
console.log(`RepVGG-A0, 32×32, batch ${batch}, ${threads} threads, ${machine}, Node ${process.version}`);
console.log(`${engines.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
console.log(
  'Whole steps (forward, backward, update), after one that is not counted; engines in turn, medians of all steps.\n' +
    'GFLOP/s: 6 × multiply–accumulates of one forward pass. stock: tfjs-backend-wasm (one thread) with a kernel\n' +
    'gradient made of its own operations; eager: the library’s wasm kernels; pytorch: channels-last, float32,\n' +
    'OMP_WAIT_POLICY=passive unless set. CPU: processor time of a step, and PyTorch’s as a multiple of it; with one\n' +
    'thread it is what a quiet machine would take, whatever else this one does.',
);
const results: Measurement[] = [];
for (const kind of flags.kinds.split(',')) {
  for (const width of flags.widths.split(',').map(Number)) {
    const rows = await measure(engines, kind, width);
    printTable(rows);
    results.push(...rows);
  }
}
for (const engine of engines) engine.stop();
if (flags.out) {
  const report = { machine, node: process.version, batch, threads, date: new Date().toISOString(), results };
  await writeFileAtomic(flags.out, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`Written to ${flags.out}`);
}
