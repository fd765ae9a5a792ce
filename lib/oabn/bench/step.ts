/**
 * One training step, engine against engine, in turn in the same run: stock tfjs on wasm, the library's own wasm
 * kernels, the compiled step, and PyTorch where Python has it. RepVGG-A0 on 32×32 images: pretraining (three
 * branches, OABN) and QAT (merged, 4-bit ClusterQAT).
 *
 *     npm run bench -- [--widths 0.25,1] [--kinds pretrain,qat] [--batch 128] [--threads 2] [--rounds 5]
 *                      [--engines stock,eager,compiled,pytorch] [--out data/results/bench-cpu.json]
 *     npm run bench -- --scaling    over batch sizes and threads, as pictures (scaling.ts)
 *     npm run bench -- --roofline   what the machine can do, and what bounds a step (roofline.ts)
 *
 * PYTHON names the interpreter to ask for PyTorch (default python3).
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { costOf, repvgg } from '../src/model/index.js';
import {
  type Engine,
  type Kind,
  kinds,
  median,
  python,
  quantile,
  type Times,
  withEngines,
} from './engines.js';
import { printRoofline } from './roofline.js';
import { scaling } from './scaling.js';

const { values: flags } = parseArgs({
  options: {
    widths: { type: 'string', default: '0.25,1' },
    kinds: { type: 'string', default: kinds.join() },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    engines: { type: 'string', default: 'stock,eager,compiled,pytorch' },
    out: { type: 'string' },
    scaling: { type: 'boolean', default: false },
    roofline: { type: 'boolean', default: false },
  },
});
const [batch, threads, rounds] = [Number(flags.batch), Number(flags.threads), Number(flags.rounds)];
const names = flags.engines.split(',');
const widths = flags.widths.split(',').map(Number);
const wanted = flags.kinds.split(',') as Kind[];

const how =
  'Whole steps (forward, backward, update), engines in turn; of compiled and pytorch the first is not counted.\n' +
  'ms: median of all steps [first and third quartile]. GFLOP/s: 6 × multiply–accumulates of one forward pass.\n' +
  'stock: tfjs-backend-wasm (one thread) with a kernel gradient made of its own operations; eager: the library’s\n' +
  'wasm kernels; pytorch: channels-last, float32, OMP_WAIT_POLICY=passive unless set. CPU: processor time of a step,\n' +
  'and PyTorch’s as a multiple of it; with one thread it is what a quiet machine would take, whatever else this one\n' +
  'does. Memory: the largest resident memory of a process that only takes these steps.';

interface Row extends Times {
  readonly kind: Kind;
  readonly width: number;
  readonly engine: string;
  readonly version: string;
  readonly imagesPerSecond: number;
  readonly gflops: number;
}

/** All engines in turn, `rounds` times; slow ones take one step a round and at most two rounds. */
async function measure(engines: readonly Engine[], kind: Kind, width: number): Promise<Row[]> {
  const times = new Map(
    engines.map((engine): [Engine, Times] => [engine, { milliseconds: [], cpu: [], peakMiB: 0 }]),
  );
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const slow = engine.name === 'stock' || engine.name === 'eager';
      if (slow && round >= 2) continue;
      const found = await engine.ask({ kind, width, batch, threads, steps: slow ? 1 : 3 });
      const { milliseconds, cpu } = times.get(engine)!;
      milliseconds.push(...found.milliseconds);
      cpu.push(...found.cpu);
      times.set(engine, { milliseconds, cpu, peakMiB: found.peakMiB });
    }
  }
  const macs = costOf(repvgg('A0', { width }), 32, kind === 'qat' ? 'merged' : 'training').macs;
  return engines.map((engine) => {
    const found = times.get(engine)!;
    const seconds = median(found.milliseconds) / 1000;
    return {
      kind,
      width,
      engine: engine.name,
      version: engine.version,
      ...found,
      imagesPerSecond: batch / seconds,
      gflops: (6 * macs * batch) / seconds / 1e9,
    };
  });
}

function printTable(rows: readonly Row[]): void {
  const of = (engine: string, value: (row: Row) => number): number | undefined => {
    const row = rows.find((each) => each.engine === engine);
    return row && value(row);
  };
  const ratio = (theirs: number | undefined, ours: number): string =>
    theirs === undefined ? '–' : `${(theirs / ours).toFixed(2)}×`;
  for (const row of rows) {
    const time = median(row.milliseconds);
    const quartiles = [0.25, 0.75].map((share) => quantile(row.milliseconds, share).toFixed(0));
    const cpu = median(row.cpu);
    const cells = [
      row.kind.padEnd(9),
      `width ${row.width}`.padEnd(11),
      row.engine.padEnd(9),
      `${time.toFixed(0)} ms [${quartiles.join(', ')}]`.padStart(20),
      `${row.imagesPerSecond.toFixed(0)} img/s`.padStart(11),
      `${row.gflops.toFixed(0)} GFLOP/s`.padStart(12),
      `vs stock ${ratio(
        of('stock', (each) => median(each.milliseconds)),
        time,
      )}`.padStart(17),
      `vs PyTorch ${ratio(
        of('pytorch', (each) => median(each.milliseconds)),
        time,
      )}`.padStart(18),
      `CPU ${cpu.toFixed(0)} ms, ${ratio(
        of('pytorch', (each) => median(each.cpu)),
        cpu,
      )}`.padStart(20),
      `${row.peakMiB.toFixed(0)} MiB, ${(row.peakMiB / (of('pytorch', (each) => each.peakMiB) ?? NaN)).toFixed(2)} of PyTorch’s`,
    ];
    console.log(cells.join(' '));
  }
}

async function compareSteps(): Promise<void> {
  const provenance = await beginProvenance(
    { backend: 'onnxruntime-node on one CPU' },
    softwareVersions(),
    undefined,
  );
  const loadBefore = loadavg()[0]!;
  const { cpu, cores } = provenance.machine;
  console.log(
    `RepVGG-A0, 32×32, batch ${batch}, ${threads} threads; ${cpu}, ${cores} cores; Node ${process.version}; ` +
      `load ${loadBefore.toFixed(1)}`,
  );
  console.log(how);
  const results: Row[] = [];
  for (const kind of wanted) {
    for (const width of widths) {
      const rows = await withEngines(names, (engines) => measure(engines, kind, width));
      printTable(rows);
      results.push(...rows);
    }
  }
  if (names.includes('pytorch') && !results.some(({ engine }) => engine === 'pytorch')) {
    console.log(`PyTorch: not measured, ${python} does not import torch (name another with PYTHON=…)`);
  }
  if (flags.out) {
    const finishedAt = new Date().toISOString();
    const load = { before: loadBefore, after: loadavg()[0]! };
    await writeJsonAtomic(flags.out, {
      ...provenance,
      finishedAt,
      load,
      how: how.replaceAll('\n', ' '),
      batch,
      threads,
      results: results.map((row) => ({
        ...row,
        milliseconds: row.milliseconds.map(Math.round),
        cpu: row.cpu.map(Math.round),
      })),
    });
    console.log(`Written to ${flags.out}`);
  }
}

if (flags.roofline) await printRoofline({ kinds: wanted, widths, batch, threads });
else if (flags.scaling) await scaling({ kinds: wanted, width: widths[0]!, rounds, engines: names });
else await compareSteps();
