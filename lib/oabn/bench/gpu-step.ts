/**
 * One training step on a GPU, engine against engine, in turn on the same card in the same run: our steps
 * compiled for WebGPU in float32 and with float16 products, tfjs-backend-webgpu as it comes, libtensorflow,
 * and PyTorch (float32; TensorFloat-32; channels-last float16 autocast with torch.compile). RepVGG-A0 on
 * 32×32 images: pretraining (three branches, OABN) and QAT (merged, 4-bit ClusterQAT).
 *
 *     npm run bench:gpu -- [--batches 128,512,2048] [--widths 1] [--kinds pretrain,qat] [--image 32] [--rounds 5]
 *                          [--seconds 1] [--gemm 8192] [--limit 180] [--engines compiled,compiled-f16,stock,…]
 *                          [--device cuda|cpu] [--out file.json]
 *
 * The engines of a configuration compile at the same time, each in a process of its own, and are timed in turn.
 * What cannot run here is named with the reason and not measured. PYTHON names the interpreter to ask for
 * PyTorch; `--device cpu` tries the peer's script where there is no CUDA. The result goes to
 * data/results/bench-gpu-<device>.json, unless anything ran emulated or on the CPU: then it is written
 * nowhere but to `--out`, and says so.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { costOf, repvgg } from '../src/model/index.js';
import {
  type EngineReport,
  type Measurement,
  median,
  peaks,
  type Precision,
  provenance,
  rates,
  slug,
  tableOf,
  wrongLosses,
} from './gpu-report.js';

const precisionOf: Readonly<Record<string, Precision>> = {
  compiled: 'float32',
  'compiled-f16': 'float16',
  stock: 'float32',
  // TensorFlow multiplies with TensorFloat-32 where the card can.
  tensorflow: 'tf32',
  'pytorch-eager': 'float32',
  'pytorch-tf32': 'tf32',
  'pytorch-amp': 'float16',
};

const { values: flags } = parseArgs({
  options: {
    batches: { type: 'string', default: '128,512,2048' },
    widths: { type: 'string', default: '1' },
    kinds: { type: 'string', default: 'pretrain,qat' },
    image: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    gemm: { type: 'string', default: '8192' },
    limit: { type: 'string', default: '180' },
    engines: { type: 'string', default: Object.keys(precisionOf).join(',') },
    device: { type: 'string', default: 'cuda' },
    out: { type: 'string' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const [image, rounds, seconds, gemm, limit] = [
  flags.image,
  flags.rounds,
  flags.seconds,
  flags.gemm,
  flags.limit,
].map(Number) as [number, number, number, number, number];
const names = flags.engines.split(',').filter((name) => name in precisionOf);

type Answer = Record<string, unknown> & {
  readonly software?: boolean;
  readonly device?: string;
  readonly milliseconds?: number;
  readonly thirdLoss?: number | null;
  readonly error?: string;
  readonly tflops?: number;
  readonly unavailable?: string;
};

interface Engine {
  readonly hello: Answer;
  /** The answer, or an error: after `limit` seconds without one the process is ended. */
  readonly ask: (request: object) => Promise<Answer>;
  readonly stop: () => void;
}

async function start(name: string): Promise<Engine> {
  const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const peer = name.startsWith('pytorch-');
  const [command, args] = peer
    ? [
        process.env.PYTHON ?? 'python3',
        [here('peer-gpu.py'), name.slice('pytorch-'.length), '--device', flags.device],
      ]
    : [process.execPath, ['--conditions=oabn-source', '--import', 'tsx', here('gpu-engine.ts'), name]];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Answer> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limit * 1000);
    try {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) return { error: late ? `no answer in ${limit} s` : 'the process ended without an answer' };
        if (String(value).startsWith('{')) return JSON.parse(String(value)) as Answer;
      }
    } finally {
      clearTimeout(timer);
    }
  };
  const hello = await answer();
  const reason = hello.unavailable ?? hello.error;
  return {
    hello: reason === undefined ? hello : { unavailable: `${command}: ${reason}`.replace(/^.*node: /, '') },
    stop: () => child.kill('SIGKILL'),
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return answer();
    },
  };
}

/** What an engine is and how fast it multiplies large matrices; one at a time, for it wants the whole card. */
async function introduce(name: string, { hello, ask }: Engine): Promise<EngineReport> {
  const common = { name, precision: precisionOf[name]!, ...hello };
  if (hello.unavailable !== undefined) return common;
  if (name === 'tensorflow' && common.software === true && flags.device !== 'cpu')
    return { ...common, unavailable: 'libtensorflow found no GPU' };
  const { tflops, error } = await ask({ gemm });
  if (tflops !== undefined) return { ...common, gemm: tflops };
  // A compiled engine that cannot compile a product will not compile a step.
  return name.startsWith('compiled') ? { ...common, unavailable: error! } : common;
}

const running = new Map<string, Engine>();

/** The engine; anew if it failed, or answered too late, the last time. */
async function engineOf(name: string): Promise<Engine> {
  const engine = running.get(name) ?? (await start(name));
  running.set(name, engine);
  return engine;
}

/** All engines compile the configuration at once, and are then timed in turn, `rounds` times. */
async function measure(
  engines: readonly EngineReport[],
  request: { kind: string; width: number; batch: number },
): Promise<Measurement[]> {
  const times = new Map(engines.map(({ name }): [string, number[]] => [name, []]));
  const last = new Map<string, Answer>();
  const ask = async (name: string, forSeconds: number): Promise<void> => {
    if (last.get(name)?.error !== undefined) return;
    const answer = await (await engineOf(name)).ask({ ...request, image, seconds: forSeconds });
    last.set(name, answer);
    if (answer.milliseconds !== undefined) times.get(name)!.push(answer.milliseconds);
    if (answer.error === undefined) return;
    running.get(name)!.stop();
    running.delete(name);
  };
  await Promise.all(engines.map(({ name }) => ask(name, 0)));
  for (let round = 0; round < rounds; round++) {
    for (const { name } of engines) await ask(name, seconds);
  }
  const form = request.kind === 'qat' ? 'merged' : 'training';
  const { macs } = costOf(repvgg('A0', { width: request.width }), image, form);
  const best = peaks(engines);
  return engines.map(({ name, precision }) => {
    const { error, thirdLoss } = last.get(name) ?? {};
    const ms = error === undefined ? times.get(name)! : [];
    const common = { ...request, engine: name, rounds: ms };
    return {
      ...common,
      ...rates(ms, request.batch, macs, best[precision]),
      ...(thirdLoss !== undefined && { thirdLoss }),
      ...(error !== undefined && { error }),
    };
  });
}

console.log(
  `RepVGG-A0, ${image}×${image}; whole steps (forward, backward, update); engines in turn, ${rounds} rounds of ${seconds} s;\n` +
    'medians and (largest − smallest) / median. TFLOP/s: 6 × multiply–accumulates of one forward pass. Peak: the best\n' +
    `product of two ${gemm}×${gemm} matrices in the same precision, by any engine of this run.`,
);
await Promise.all(names.map(engineOf));
const reports: EngineReport[] = [];
for (const name of names) {
  const report = await introduce(name, await engineOf(name));
  reports.push(report);
  const speed = report.gemm === undefined ? '' : `, ${report.gemm.toPrecision(3)} TFLOP/s`;
  console.log(
    report.unavailable === undefined
      ? `  ${name}: ${report.device}${report.software ? ' – EMULATED OR CPU' : ''}, ${report.precision}${speed}`
      : `  ${name}: not measured – ${report.unavailable}`,
  );
}
const usable = reports.filter(({ unavailable }) => unavailable === undefined);
const against = usable.some(({ name }) => name === 'pytorch-tf32') ? 'pytorch-tf32' : 'pytorch-eager';
const measurements: Measurement[] = [];
for (const kind of flags.kinds.split(',')) {
  for (const width of numbers(flags.widths)) {
    for (const batch of numbers(flags.batches)) {
      const rows = await measure(usable, { kind, width, batch });
      measurements.push(...rows);
      for (const line of tableOf(rows, against).slice(measurements.length === rows.length ? 0 : 1))
        console.log(line);
      for (const wrong of wrongLosses(rows)) console.log(`WRONG? ${wrong}`);
    }
  }
}

for (const engine of running.values()) engine.stop();
const emulated = usable.some(({ software }) => software === true);
const cards = [...new Set(usable.map(({ device }) => device!))];
const device = usable.find(({ name }) => name.startsWith('pytorch'))?.device ?? cards[0] ?? 'none';
if (emulated)
  console.log('An engine ran emulated or on the CPU: these numbers say nothing of a GPU and are not kept.');
if (cards.length > 1) console.log(`Names of the card, as the engines give them: ${cards.join('; ')}`);
const result = {
  ...(await provenance()),
  device,
  emulated,
  image,
  rounds,
  secondsPerRound: seconds,
  gemmSide: gemm,
  peakTflops: peaks(usable),
  engines: reports,
  measurements: measurements.map((row) => ({ ...row, millisecondsPerStep: median(row.rounds) })),
};
const measured = measurements.some(({ rounds: times }) => times.length > 0);
const out = flags.out ?? (emulated || !measured ? undefined : `data/results/bench-gpu-${slug(device)}.json`);
if (out !== undefined) {
  await writeJsonAtomic(out, result);
  console.log(`Written to ${out}`);
} else if (!measured) {
  console.log('Nothing was measured: no engine found a GPU («oabn doctor» says why)');
  process.exitCode = 2;
}
