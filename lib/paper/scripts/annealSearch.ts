/**
 * Which λ and which rate are best for annealing with a penalty on the merged kernels, and whether to train the
 * merged weights or those of the branches: a search on a plain-BN network with a seed of its own, scored on the
 * training images that it was not trained on, as a table.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/annealSearch.ts
 *       [--profile desk] [--penalties kure] [--through merged,branches] [--strengths 0.001,0.01] [--rates 0.01]
 *       [--images 25000] [--epochs 3] [--bits 4,3] [--runs runs] [--out rows.json]
 *
 * What the store has answers at once.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import {
  annealConfig,
  openCheckpoint,
  pretrainConfig,
  ptqConfig,
  run,
  softwareVersions,
} from 'oabn/experiment';
import { mergedPenalty, type PenaltyName } from 'oabn/train';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { openPaperLab } from '../src/profiles/index.js';
import { searchData, searchSeed } from '../src/studies/index.js';

const { values: flags } = parseArgs({
  options: {
    profile: { type: 'string', default: 'desk' },
    penalties: { type: 'string', default: 'kure' },
    through: { type: 'string', default: 'merged,branches' },
    strengths: { type: 'string', default: '0.001,0.003,0.01,0.03,0.1' },
    rates: { type: 'string', default: '0.003,0.01,0.03' },
    images: { type: 'string', default: '25000' },
    epochs: { type: 'string', default: '3' },
    bits: { type: 'string', default: '4,3' },
    runs: { type: 'string' },
    out: { type: 'string' },
  },
});

const listed = (text: string): string[] => text.split(',');
const numbers = (text: string): number[] => listed(text).map(Number);
const whole = await openPaperLab({
  ...{ profile: flags.profile, progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const lab = { ...whole, data: searchData(whole) };
const provenance = await beginProvenance({ dataset: lab.train.provenance }, softwareVersions(), undefined);

const source = pretrainConfig(lab, { threshold: Infinity, seed: searchSeed });
const rows = [];
for (const penalty of listed(flags.penalties) as PenaltyName[]) {
  for (const through of listed(flags.through) as Cell['through'][]) {
    for (const strength of numbers(flags.strengths)) {
      for (const learningRate of numbers(flags.rates)) {
        rows.push(await annealed({ penalty, through, strength, learningRate }));
        console.log(tableText(rows.slice(-1).map(asText)));
      }
    }
  }
}
console.log(tableText(rows.map(asText)));
if (flags.out !== undefined) {
  const finishedAt = new Date().toISOString();
  const facts = { profile: flags.profile, epochs: Number(flags.epochs), images: Number(flags.images) };
  await writeJsonAtomic(flags.out, { ...provenance, finishedAt, ...facts, rows });
}

interface Cell {
  readonly penalty: PenaltyName;
  /** What is trained: the merged weights, or those of the branches. */
  readonly through: 'merged' | 'branches';
  /** λ */
  readonly strength: number;
  readonly learningRate: number;
}

/** FP32 and, after uniform PTQ, `accuracy` by bits; in [0, 1]. */
interface Row extends Cell {
  readonly fp32: number;
  readonly accuracy: Readonly<Record<string, number>>;
}

async function annealed(cell: Cell): Promise<Row> {
  const { penalty, through, strength, learningRate } = cell;
  const regularizer = mergedPenalty(penalty, strength);
  const { schedule } = annealConfig(lab, { source, regularizer, through }).training;
  const training = {
    images: Number(flags.images),
    schedule: { ...schedule, learningRate, epochs: Number(flags.epochs) },
  };
  const config = annealConfig(lab, { source, regularizer, through, training });
  const { folder, result } = await run(lab, config, { files: true });
  const network = await openCheckpoint(lab, join(folder, result.network));
  const accuracy: Record<string, number> = {};
  for (const bits of numbers(flags.bits)) {
    const quantized = await run(lab, ptqConfig(lab, { source: network, bits }));
    accuracy[bits] = quantized.result.accuracy;
  }
  return { ...cell, fp32: result.accuracy, accuracy };
}

function asText({ penalty, through, strength, learningRate, fp32, accuracy }: Row): Record<string, string> {
  const percent = (value: number): string => (100 * value).toFixed(1);
  return {
    ...{ penalty, through, λ: String(strength), rate: String(learningRate), FP32: percent(fp32) },
    ...Object.fromEntries(Object.entries(accuracy).map(([b, value]) => [`${b} bits`, percent(value)])),
  };
}
