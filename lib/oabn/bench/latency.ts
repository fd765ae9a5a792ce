/**
 * What few bits cost or save in ONNX Runtime: the networks of data/models as ONNX files in FP32, with int8
 * and int4 weights (QDQ), int8 for integer kernels, and with codebooks of 4 and 3 bits; onnxruntime-node and
 * Python's onnxruntime, files and engines in turn in one run, with their default threads.
 *
 *     OABN_DATA_DIR=… PYTHON=… npm run bench:latency -- [--folder folder] [--rounds 5] [--calls 40] [--batches 1,64]
 *       [--out data/results]
 *
 * Files are made and their accuracies measured before the clock runs; --folder keeps both, so that they can be
 * made at another time (--rounds 0). On a machine with other work, `taskset -c 0` before node gives both
 * engines one core for themselves. With --out, the numbers go to bench-cpu-latency.json there, and the table
 * of bench/README.md is written anew.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import {
  interleavedTimes,
  type Lab,
  measureOnnxFile,
  openCheckpoint,
  openLab,
  ptqConfig,
  run,
} from '../src/experiment/index.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { mergeNetwork } from '../src/merge/index.js';
import {
  type ExportedNetwork,
  loadAnyNetwork,
  type OnnxExportOptions,
  saveOnnx,
} from '../src/quantize/index.js';
import { python } from './engines.js';
import { startJsonProcess } from './jsonProcess.js';
import { latencyMarkdown, type LatencyFile, type LatencyRow, withLatencyTable } from './latencyTable.js';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    calls: { type: 'string', default: '40' },
    batches: { type: 'string', default: '1,64' },
    out: { type: 'string' },
  },
});
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const model = (name: string): string => here(`../../../data/models/${name}.safetensors`);

/** The shipped network that is quantized here; its siblings ship with codebooks. */
const network = 'cifar10-oabn-0.5';

/** Times one round of calls of each file; [file][call] in milliseconds. */
type Time = (files: readonly string[], batch: number, calls: number) => Promise<readonly number[][]>;
interface Runtime {
  readonly engine: string;
  readonly version: string;
  readonly time: Time;
  readonly stop: () => void;
}

/** A file to time, and how its network is made and exported. */
interface Spec extends Pick<LatencyFile, 'name' | 'title'> {
  readonly make: (lab: Lab) => Promise<{ network: ExportedNetwork; accuracy: number }>;
  readonly options?: OnnxExportOptions;
}

/** The shipped network merged. */
async function merged(): Promise<{ network: ExportedNetwork; accuracy: number }> {
  const { arch, stateDict } = await loadAnyNetwork(model(network));
  return {
    network: { arch, stateDict: mergeNetwork(arch, stateDict) },
    accuracy: await shippedAccuracy(network),
  };
}

/** The shipped network after post-training quantization, one scale for each layer. */
const quantized = (bits: number) => async (lab: Lab) => {
  const source = await openCheckpoint(lab, model(network));
  const { folder, result } = await run(lab, ptqConfig(lab, { source, bits }), { files: true });
  return { network: await loadAnyNetwork(join(folder, result.network)), accuracy: result.accuracy };
};

const shipped = (name: string) => async () => ({
  network: await loadAnyNetwork(model(name)),
  accuracy: await shippedAccuracy(name),
});

const specs: readonly Spec[] = [
  { name: 'fp32', title: 'FP32, merged', make: merged },
  { name: 'int8', title: 'int8, QDQ', make: quantized(8) },
  { name: 'int8-integer', title: 'int8, --integer', make: quantized(8), options: { integer: true } },
  { name: 'int4', title: 'int4, QDQ', make: quantized(4) },
  { name: 'codebook4', title: 'codebooks, 4 bits', make: shipped(`${network}-cluster-4bit`) },
  { name: 'codebook3', title: 'codebooks, 3 bits', make: shipped(`${network}-cluster-3bit`) },
];

/** Writes the ONNX files that `folder` does not have yet, and measures their accuracies. */
async function makeFiles(folder: string): Promise<LatencyFile[]> {
  const list = join(folder, 'files.json');
  const there = existsSync(list) ? (JSON.parse(await readFile(list, 'utf8')) as LatencyFile[]) : [];
  const made = ({ name }: Spec): LatencyFile | undefined => there.find((file) => file.name === name);
  if (specs.every(made)) return specs.map((spec) => made(spec)!);
  const runs = await mkdtemp(join(tmpdir(), 'latency-runs-'));
  try {
    const lab = await openLab({ dataset: 'cifar10', runs });
    const files: LatencyFile[] = [];
    for (const spec of specs) files.push(made(spec) ?? (await makeFile(lab, folder, spec)));
    await writeJsonAtomic(list, files);
    return files;
  } finally {
    await rm(runs, { recursive: true, force: true });
  }
}

async function makeFile(
  lab: Lab,
  folder: string,
  { name, title, make, options }: Spec,
): Promise<LatencyFile> {
  const path = join(folder, `${name}.onnx`);
  const { network, accuracy } = await make(lab);
  const bytes = await saveOnnx(path, network, options);
  const measured = await measureOnnxFile(lab, path, null);
  return { name, title, bytes, accuracy, onnxAccuracy: measured.accuracy, images: measured.images };
}

async function shippedAccuracy(name: string): Promise<number> {
  const models = JSON.parse(await readFile(here('../../../data/models/models.json'), 'utf8')) as {
    name: string;
    accuracy: number;
  }[];
  return models.find((each) => each.name === name)!.accuracy;
}

/** [N, 3, 32, 32] */
const shapeOf = (batch: number): [number, number, number, number] => [batch, 3, 32, 32];

function inNode(): Runtime {
  return {
    engine: 'Node',
    version: softwareVersions().onnxruntime ?? '',
    time: (files, batch, calls) => interleavedTimes(files, { shape: shapeOf(batch), calls }),
    stop: () => undefined,
  };
}

/** Undefined where there is no onnxruntime in Python. */
async function inPython(): Promise<Runtime | undefined> {
  const child = await startJsonProcess(python, [here('peer-latency.py')]);
  if ('missing' in child) {
    console.log(`Python: not measured, ${child.missing}`);
    return undefined;
  }
  return {
    ...{ engine: 'Python', version: child.version, stop: child.stop },
    time: async (files, batch, calls) => {
      const answer = await child.ask({ files, shape: shapeOf(batch), calls });
      if (!answer) throw new Error('Python ended without an answer');
      return answer.milliseconds as number[][];
    },
  };
}

/** All files in all engines, `rounds` times. */
async function measure(
  folder: string,
  files: readonly LatencyFile[],
  engines: readonly Runtime[],
): Promise<LatencyRow[]> {
  const paths = files.map(({ name }) => join(folder, `${name}.onnx`));
  const rows: (LatencyRow & { milliseconds: number[] })[] = [];
  for (const batch of flags.batches.split(',').map(Number)) {
    for (const { engine, version } of engines)
      for (const { name: file } of files) rows.push({ engine, version, batch, file, milliseconds: [] });
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const { engine, time } of engines) {
        const times = await time(paths, batch, Number(flags.calls));
        const own = rows.filter((row) => row.engine === engine && row.batch === batch);
        own.forEach(({ milliseconds }, i) =>
          milliseconds.push(...times[i]!.map((ms) => Math.round(1000 * ms) / 1000)),
        );
      }
    }
  }
  return rows;
}

const provenance = await beginProvenance(
  { backend: 'onnxruntime on one CPU' },
  softwareVersions(),
  undefined,
);
const folder = flags.folder ?? (await mkdtemp(join(tmpdir(), 'latency-')));
await mkdir(folder, { recursive: true });
const engines = [inNode(), await inPython()].filter((engine) => engine !== undefined);
try {
  const files = await makeFiles(folder);
  for (const { name, bytes, accuracy, onnxAccuracy } of files)
    console.log(
      `${name.padEnd(10)} ${bytes} bytes, accuracy ${accuracy} here, ${onnxAccuracy} in ONNX Runtime`,
    );
  if (Number(flags.rounds) > 0) {
    const before = loadavg()[0]!;
    const rows = await measure(folder, files, engines);
    const result = { files, rows };
    console.log(latencyMarkdown(result));
    if (flags.out) {
      const path = join(flags.out, 'bench-cpu-latency.json');
      const load = { before, after: loadavg()[0]! };
      const finished = { finishedAt: new Date().toISOString(), load, cores: availableParallelism() };
      await writeJsonAtomic(path, { ...provenance, ...finished, ...result });
      const readme = here('README.md');
      await writeFile(readme, withLatencyTable(await readFile(readme, 'utf8'), result));
      console.log(`Written to ${path}`);
    }
  }
} finally {
  for (const { stop } of engines) stop();
  if (!flags.folder) await rm(folder, { recursive: true, force: true });
}
process.exit();
