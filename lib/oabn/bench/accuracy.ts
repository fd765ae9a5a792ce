/**
 * Time to accuracy: a whole training on CIFAR-10, images and augmentation included, in the compiled step and
 * in PyTorch (peer-accuracy.py: the same network, recipe and images). The network and the recipe are those of
 * the search's «C» (lib/paper/scripts/recipes/cifar10.json): RepVGG blocks of 32, 32, 64 and 128 channels,
 * the learning rate falling in a line to 0.
 *
 *     OABN_DATA_DIR=… PYTHON=… npm run bench:accuracy -- [--epochs 6]
 *       [--engines compiled,torch-eager,torch-compiled] [--target 0.8] [--images 50000] [--threads 2] [--out folder]
 *
 * The clock begins when the images are in memory and stands still while accuracy is measured, on all test
 * images after each epoch; what an engine compiles counts. With --out, the numbers go to
 * bench-cpu-accuracy.json in that folder, and a picture of them beside it; engines that are not asked for
 * keep the numbers that the file has.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { type Dataset, openDatasets } from '../src/data/index.js';
import { softwareVersions } from '../src/experiment/provenance.js';
import { drawAccuracy } from './accuracyPicture.js';
import { type AccuracyRun, type EpochTime, recipe } from './accuracyRecipe.js';
import { python } from './engines.js';

const { values: flags } = parseArgs({
  options: {
    epochs: { type: 'string', default: '6' },
    engines: { type: 'string', default: 'compiled,torch-eager,torch-compiled' },
    target: { type: 'string', default: '0.8' },
    images: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    out: { type: 'string' },
  },
});
const [epochs, target, threads] = [Number(flags.epochs), Number(flags.target), Number(flags.threads)];

/** The images as bytes, which both engines' scripts understand; undoes the normalisation of the batches. */
async function writeImages(folder: string, dataset: Dataset, limit: number): Promise<void> {
  const { mean, std, split } = dataset;
  const pixels = new Uint8Array(limit * 3072);
  const labels = new Uint8Array(limit);
  let filled = 0;
  for await (const { images, labels: wanted, size } of dataset.batches({ batchSize: 500, limit })) {
    images.forEach((value, i) => {
      pixels[filled * 3072 + i] = Math.round(255 * (value * std[i % 3]! + mean[i % 3]!));
    });
    labels.set(wanted, filled);
    filled += size;
  }
  await writeFile(join(folder, `${split}.bin`), pixels);
  await writeFile(join(folder, `${split}-labels.bin`), labels);
}

/** A training by one engine: what it prints at the end of each epoch, or why it cannot run. */
async function trainWith(
  engine: string,
  folder: string,
): Promise<AccuracyRun | { readonly missing: string }> {
  const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const [command, ...args] =
    engine === 'compiled'
      ? [process.execPath, '--conditions=oabn-source', '--import', 'tsx', here('accuracyEngine.ts'), folder]
      : [python, here('peer-accuracy.py'), engine.replace('torch-', ''), folder];
  const child = spawn(command, args, {
    env: { MALLOC_TRIM_THRESHOLD_: String(2 ** 34), MALLOC_MMAP_MAX_: '0', ...process.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.on('error', () => undefined);
  const times: EpochTime[] = [];
  let version: string | undefined;
  let missing = `${command} does not answer`;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const answer = JSON.parse(line) as Partial<EpochTime> & { version?: string; unavailable?: string };
    version ??= answer.version;
    missing = answer.unavailable ?? missing;
    if (answer.epoch === undefined) continue;
    const time = answer as EpochTime;
    times.push(time);
    const percent = (100 * time.accuracy).toFixed(1);
    console.log(
      `${engine.padEnd(15)} epoch ${time.epoch}: ${time.seconds.toFixed(0)} s, CPU ${time.cpu.toFixed(0)} s, ${percent}%`,
    );
  }
  return version === undefined ? { missing } : { engine, version, epochs: times };
}

/** Seconds until the target was reached, at the end of an epoch. */
const secondsTo = ({ epochs: times }: AccuracyRun): number | undefined =>
  times.find(({ accuracy }) => accuracy >= target)?.seconds;

/** Writes what there is so far, with the numbers that the folder has of other engines, and draws it. */
async function writeTo(out: string): Promise<void> {
  const file = join(out, 'bench-cpu-accuracy.json');
  const before = await readFile(file, 'utf8').then(
    (text) => (JSON.parse(text) as { runs: AccuracyRun[] }).runs,
    () => [],
  );
  const all = [...before.filter(({ engine }) => !runs.some((run) => run.engine === engine)), ...runs];
  await writeJsonAtomic(file, {
    ...{ ...provenance, finishedAt: new Date().toISOString(), dataset: train.provenance },
    ...{ load: { ...load, after: loadavg()[0]! }, recipe, epochs, images, threads, target, runs: all },
  });
  await drawAccuracy(join(out, 'bench-cpu-accuracy'), all, target, provenance.machine);
  console.log(`Written to ${file}`);
}

const provenance = await beginProvenance(
  { backend: 'onnxruntime-node on one CPU' },
  softwareVersions(),
  undefined,
);
const { train, test } = await openDatasets({ name: 'cifar10' });
const images = Math.min(train.size, Number(flags.images ?? train.size));
const folder = await mkdtemp(join(tmpdir(), 'accuracy-'));
const runs: AccuracyRun[] = [];
const load = { before: loadavg()[0]! };
try {
  await writeImages(folder, train, images);
  await writeImages(folder, test, test.size);
  const { mean, std } = train;
  await writeFile(
    join(folder, 'recipe.json'),
    JSON.stringify({ ...recipe, epochs, threads, mean, std, images }),
  );
  for (const engine of flags.engines.split(',')) {
    const run = await trainWith(engine, folder);
    if ('missing' in run) {
      console.log(`${engine}: not measured, ${run.missing}`);
      continue;
    }
    runs.push(run);
    // After each, because the next may be interrupted.
    if (flags.out) await writeTo(flags.out);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const run of runs) {
  const seconds = secondsTo(run);
  const reached = seconds === undefined ? 'not reached' : `${seconds.toFixed(0)} s`;
  console.log(`${run.engine.padEnd(15)} ${100 * target}%: ${reached}`);
}
