/**
 * How much a machine computes when it has many runs to do, which is what a sweep feels: one process on all
 * cores, or a process for each core, in the compiled step and in its peers. Runs per hour are of one training
 * on CIFAR-10's 50,000 images for `--epochs`, steps alone.
 *
 *     npm run bench:sweep -- [--widths 0.25] [--kinds pretrain,qat] [--batch 128] [--rounds 5] [--epochs 10]
 *       [--engines compiled,torch-eager,torch-compiled] [--out file.json]
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { type Engine, type Kind, kinds, median, quantile, withEngines } from './engines.js';

const { values: flags } = parseArgs({
  options: {
    widths: { type: 'string', default: '0.25' },
    kinds: { type: 'string', default: kinds.join() },
    batch: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '5' },
    epochs: { type: 'string', default: '10' },
    engines: { type: 'string', default: 'compiled,torch-eager,torch-compiled' },
    out: { type: 'string' },
  },
});
const [batch, rounds, epochs] = [Number(flags.batch), Number(flags.rounds), Number(flags.epochs)];
const cores = availableParallelism();
const stepsPerRound = 3;

interface Throughput {
  readonly kind: Kind;
  readonly width: number;
  readonly engine: string;
  readonly version: string;
  readonly processes: number;
  readonly threads: number;
  /** Of all processes together, one number a round. */
  readonly imagesPerSecond: readonly number[];
  readonly runsPerHour: number;
}

/** Images per second of processes that step at the same time. */
async function together(engines: readonly Engine[], kind: Kind, width: number): Promise<number[]> {
  const threads = Math.max(1, Math.floor(cores / engines.length));
  const ask = (steps: number) =>
    Promise.all(engines.map((engine) => engine.ask({ kind, width, batch, threads, steps })));
  await ask(1);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const answers = await ask(stepsPerRound);
    const perProcess = answers.map(({ milliseconds }) => (1000 * batch) / median(milliseconds));
    rates.push(perProcess.reduce((sum, rate) => sum + rate, 0));
  }
  return rates;
}

const provenance = await beginProvenance(
  { backend: 'onnxruntime-node on one CPU' },
  softwareVersions(),
  undefined,
);
const before = loadavg()[0]!;
const results: Throughput[] = [];
for (const kind of flags.kinds.split(',') as Kind[]) {
  for (const width of flags.widths.split(',').map(Number)) {
    for (const engine of flags.engines.split(',')) {
      for (const processes of [...new Set([1, cores])]) {
        const names = Array.from({ length: processes }, () => engine);
        await withEngines(
          names,
          async (engines) => {
            if (engines.length < processes) return;
            const rates = await together(engines, kind, width);
            const rate = median(rates);
            const runsPerHour = (3600 * rate) / (epochs * 50_000);
            const threads = Math.max(1, Math.floor(cores / processes));
            const { version } = engines[0]!;
            results.push({
              ...{ kind, width, engine, version, processes, threads },
              ...{ imagesPerSecond: rates.map(Math.round), runsPerHour },
            });
            const spread = [0.25, 0.75].map((share) => quantile(rates, share).toFixed(0)).join(', ');
            console.log(
              `${kind.padEnd(9)} width ${width} ${engine.padEnd(15)} ${processes} × ${threads} threads: ` +
                `${rate.toFixed(0)} img/s [${spread}], ${runsPerHour.toFixed(2)} runs/h of ${epochs} epochs`,
            );
          },
          ({ name, missing }) => console.log(`${name}: not measured, ${missing}`),
        );
      }
    }
  }
}
if (flags.out) {
  const load = { before, after: loadavg()[0]! };
  await writeJsonAtomic(flags.out, {
    ...{ ...provenance, finishedAt: new Date().toISOString(), load, batch, epochs, results },
  });
  console.log(`Written to ${flags.out}`);
}
