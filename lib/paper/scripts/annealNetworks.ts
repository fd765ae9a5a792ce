/**
 * What annealing with KURE does for networks of CIFAR-10, before and after, as a table: for checkpoints, and for
 * small networks of timm's families, which are trained in PyTorch (prediction/train.py). Their merged weights are
 * what is trained.
 *
 *     OABN_DATA_DIR=… PYTHON=python3 node --conditions=oabn-source --import tsx lib/paper/scripts/annealNetworks.ts
 *       [network.safetensors …] [--timm mobileone,fastvit] [--folder work] [--images 25000] [--strength 0.03]
 *       [--bits 8,6,5,4,3] [--runs runs] [--out rows.json]
 *
 * Annealing takes the first --images training images three times, at a tenth of profile desk's learning rate;
 * accuracies are of all test images, after uniform PTQ with one scale per layer, set by the largest weight or, up to
 * 4 bits, of least squared error. `folder` keeps what train.py makes. What the store has answers at once.
 */
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import {
  annealConfig,
  measureAccuracy,
  type NetworkSource,
  openCheckpoint,
  ptqConfig,
  run,
  softwareVersions,
} from 'oabn/experiment';
import { repVGGOf } from 'oabn/family';
import { mergedOf } from 'oabn/merge';
import { readStateDict } from 'oabn/model';
import { annealingPenalty, annealingStrengths } from 'oabn/train';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { openPaperLab } from '../src/profiles/index.js';
import { timmCheckpoint, timmRecipe } from './prediction/timm.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    timm: { type: 'string' },
    folder: { type: 'string', default: 'prediction' },
    images: { type: 'string', default: '25000' },
    strength: { type: 'string', default: String(annealingStrengths.kure) },
    bits: { type: 'string', default: '8,6,5,4,3' },
    runs: { type: 'string' },
    out: { type: 'string' },
  },
});

/** A network before or after; accuracies in [0, 1]. */
interface Row {
  readonly network: string;
  readonly annealed: boolean;
  readonly fp32: number;
  /** By bits. */
  readonly accuracy: Readonly<Record<number, number>>;
  /** By bits, with scales of least squared error (OMSE), which is for activations behind a ReLU. */
  readonly mse: Readonly<Record<number, number>>;
}

const lab = await openPaperLab({
  ...{ profile: 'desk', progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const bits = flags.bits.split(',').map(Number);
const settings = { epochs: 3, images: Number(flags.images), strength: Number(flags.strength) };
const provenance = await beginProvenance({ dataset: lab.test.provenance }, softwareVersions(), undefined);

const rows: Row[] = [];
for (const path of positionals) await beforeAndAfter(basename(path, '.safetensors'), path);
await mkdir(flags.folder, { recursive: true });
for (const key of flags.timm?.split(',') ?? []) {
  await beforeAndAfter(key, await timmCheckpoint(lab, flags.folder, key, 1));
}
console.log(tableText(rows.map(asText)));
if (flags.out !== undefined) {
  const finishedAt = new Date().toISOString();
  await writeJsonAtomic(flags.out, { ...provenance, finishedAt, ...settings, timmRecipe, rows });
}

async function beforeAndAfter(network: string, path: string): Promise<void> {
  const source = await openCheckpoint(lab, path);
  const loaded = repVGGOf(path, await readStateDict(path));
  const { testImages } = lab.data;
  const merged = { arch: loaded.arch, stateDict: mergedOf(loaded) };
  const { accuracy: fp32 } = await measureAccuracy(lab, { network: merged, testImages });
  rows.push({ network, annealed: false, fp32, ...(await quantized(source)) });

  const regularizer = annealingPenalty('kure', settings.strength);
  const training = { images: settings.images, seed: 1 };
  const config = annealConfig(lab, { source, regularizer, training });
  const { folder, result } = await run(lab, config, { files: true });
  const easier = await openCheckpoint(lab, join(folder, result.network));
  rows.push({ network, annealed: true, fp32: result.accuracy, ...(await quantized(easier)) });
  console.log(tableText(rows.slice(-2).map(asText)));
}

async function quantized(source: NetworkSource): Promise<Pick<Row, 'accuracy' | 'mse'>> {
  const { operations = [] } = source.arch;
  const isBehindReLU = !/gelu|silu|hardSwish/.test(JSON.stringify(operations));
  const accuracy: Record<number, number> = {};
  const mse: Record<number, number> = {};
  for (const b of bits) {
    const at = ptqConfig(lab, { source, bits: b });
    accuracy[b] = (await run(lab, at)).result.accuracy;
    if (b <= 4 && isBehindReLU) mse[b] = (await run(lab, { ...at, method: 'mse' })).result.accuracy;
  }
  return { accuracy, mse };
}

function asText({ network, annealed, fp32, accuracy, mse }: Row): Record<string, string> {
  const percent = (value: number): string => (100 * value).toFixed(1);
  return {
    ...{ network, KURE: annealed ? 'annealed' : '', FP32: percent(fp32) },
    ...Object.fromEntries(bits.map((b) => [`${b} bits`, percent(accuracy[b]!)])),
    ...Object.fromEntries(Object.entries(mse).map(([b, value]) => [`${b}, MSE`, percent(value)])),
  };
}
