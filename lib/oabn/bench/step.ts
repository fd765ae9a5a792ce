/**
 * One training step, engine against engine, in turn in the same run: stock tfjs on wasm, the library's own
 * wasm kernels, the compiled step, and its peers: PyTorch eager and compiled, in float32 and, where the
 * processor has it, bfloat16; JAX. RepVGG-A0 on 32×32 images: pretraining (three branches, OABN) and QAT
 * (merged, 4-bit ClusterQAT).
 *
 *     npm run bench -- [--widths 0.25,1] [--kinds pretrain,qat] [--batch 128] [--threads 2] [--rounds 5]
 *                      [--engines stock,eager,compiled,torch-eager,torch-compiled,…,jax] [--out file.json]
 *     npm run bench -- --scaling    over batch sizes and threads, as pictures (scaling.ts)
 *     npm run bench -- --roofline   what the machine can do, and what bounds a step (roofline.ts)
 *
 * PYTHON names the interpreter to ask for PyTorch (default python3), JAX_PYTHON that for JAX (default
 * PYTHON). Whole trainings are timed by accuracy.ts, several at a time by sweep.ts.
 */
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { costOf, repvgg } from '../src/model/index.js';
import {
  type Engine,
  isPeer,
  type Kind,
  kinds,
  median,
  type Missing,
  peers,
  type Times,
  withEngines,
} from './engines.js';
import { roofline } from './roofline.js';
import { scaling } from './scaling.js';
import { type Row, tableOf } from './stepTable.js';

const { values: flags } = parseArgs({
  options: {
    widths: { type: 'string', default: '0.25,1' },
    kinds: { type: 'string', default: kinds.join() },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '5' },
    engines: { type: 'string', default: ['stock', 'eager', 'compiled', ...peers].join() },
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
  'Whole steps (forward, backward, update), engines in turn; what an engine compiles, and the steps before that, are not ' +
  'counted. ms: median of all steps [first and third quartile]. GFLOP/s: 6 × multiply–accumulates of one forward pass. ' +
  'stock: tfjs-backend-wasm (one thread) with a kernel gradient made of its own operations; eager: the library’s wasm ' +
  'kernels; torch-…: channels-last, the fused optimizer, memory kept by the allocator between steps; ' +
  'compiled ones by torch.compile; jax: one jitted step. Ratios are to the fastest ' +
  'peer. CPU: processor time of a step, which other processes hardly change. Memory: the largest resident memory of a ' +
  'process that only takes these steps.';

/** Engines this many times slower than the fastest take one step a round and two rounds at most. */
const slowness = 8;

/** All engines in turn, `rounds` times: one step in the first round, three in the others. */
async function measure(engines: readonly Engine[], kind: Kind, width: number): Promise<Row[]> {
  const times = new Map(
    engines.map((engine): [Engine, Times] => [engine, { milliseconds: [], cpu: [], peakMiB: 0 }]),
  );
  for (let round = 0; round < rounds; round++) {
    const known = [...times.values()].filter(({ milliseconds }) => milliseconds.length > 0);
    const fastest = Math.min(...known.map(({ milliseconds }) => median(milliseconds)));
    for (const engine of engines) {
      const { milliseconds, cpu } = times.get(engine)!;
      const slow = round > 0 && median(milliseconds) > slowness * fastest;
      if (slow && round >= 2) continue;
      const steps = slow || round === 0 ? 1 : 3;
      const found = await engine.ask({ kind, width, batch, threads, steps });
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

const provenanceNow = () =>
  beginProvenance({ backend: 'onnxruntime-node on one CPU' }, softwareVersions(), undefined);

async function measureRoofline(): Promise<void> {
  const [provenance, before] = [await provenanceNow(), loadavg()[0]!];
  const found = await roofline({ kinds: wanted, widths, batch, threads });
  if (!flags.out) return;
  const load = { before, after: loadavg()[0]! };
  await writeJsonAtomic(flags.out, { ...provenance, finishedAt: new Date().toISOString(), load, ...found });
  console.log(`Written to ${flags.out}`);
}

async function compareSteps(): Promise<void> {
  const provenance = await provenanceNow();
  const loadBefore = loadavg()[0]!;
  const { cpu, cores } = provenance.machine;
  console.log(
    `RepVGG-A0, 32×32, batch ${batch}, ${threads} threads; ${cpu}, ${cores} cores; Node ${process.version}; ` +
      `load ${loadBefore.toFixed(1)}`,
  );
  console.log(how);
  const missing = new Map<string, Missing>();
  const results: Row[] = [];
  for (const kind of wanted) {
    for (const width of widths) {
      const rows = await withEngines(
        names,
        (engines) => measure(engines, kind, width),
        (each) => missing.set(each.name, each),
      );
      console.log(tableOf(rows));
      results.push(...rows);
    }
  }
  for (const { name, missing: why } of missing.values()) console.log(`${name}: not measured, ${why}`);
  if (!results.some(({ engine }) => isPeer(engine))) {
    console.log('No peer was measured: name an interpreter that has one with PYTHON=… or JAX_PYTHON=…');
  }
  if (flags.out) {
    const finishedAt = new Date().toISOString();
    const load = { before: loadBefore, after: loadavg()[0]! };
    await writeJsonAtomic(flags.out, {
      ...provenance,
      finishedAt,
      load,
      how,
      missing: [...missing.values()],
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

if (flags.roofline) await measureRoofline();
else if (flags.scaling) await scaling({ kinds: wanted, width: widths[0]!, rounds, engines: names });
else await compareSteps();
