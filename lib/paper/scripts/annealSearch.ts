/**
 * Which λ and which rate are best for annealing with a penalty on the merged kernels, and whether to train the
 * merged weights or those of the branches: a search on a plain-BN network with a seed of its own, scored on the
 * training images that it was not trained on, as a table.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/annealSearch.ts
 *       [kure,merged,0.03,0.01 …] [--profile desk] [--images 25000] [--epochs 3] [--bits 4,3] [--runs runs] [--out rows.json]
 *
 * Each argument is a penalty, what is trained, λ and the rate; without any, those of the search that ships are
 * tried. What the store has answers at once.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import {
  annealConfig,
  type NetworkSource,
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
import { columnsOf, type Measured } from './penalized.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: 'string', default: 'desk' },
    images: { type: 'string', default: '25000' },
    epochs: { type: 'string', default: '3' },
    bits: { type: 'string', default: '4,3' },
    runs: { type: 'string' },
    out: { type: 'string' },
  },
});

interface Cell {
  readonly penalty: PenaltyName;
  /** What is trained: the merged weights, or those of the branches. */
  readonly through: 'merged' | 'branches';
  /** λ */
  readonly strength: number;
  readonly learningRate: number;
}

const cells: readonly Cell[] =
  positionals.length > 0
    ? positionals.map((text) => {
        const [penalty, through, strength, rate] = text.split(',');
        return {
          penalty: penalty as PenaltyName,
          through: through as Cell['through'],
          ...{ strength: Number(strength), learningRate: Number(rate) },
        };
      })
    : [
        ...[0.01, 0.03, 0.1].map((strength) => kure('merged', strength)),
        ...[0.003, 0.03].map((learningRate) => ({ ...kure('merged', 0.03), learningRate })),
        ...[0.003, 0.01].map((strength) => kure('branches', strength)),
        ...[0.05, 0.5, 2].map((strength) => ({ ...kure('merged', strength), penalty: 'range' as const })),
      ];

function kure(through: Cell['through'], strength: number): Cell {
  return { penalty: 'kure', through, strength, learningRate: 0.01 };
}

const numbers = (text: string): number[] => text.split(',').map(Number);
const whole = await openPaperLab({
  ...{ profile: flags.profile, progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const lab = { ...whole, data: searchData(whole) };
const provenance = await beginProvenance({ dataset: lab.train.provenance }, softwareVersions(), undefined);

const source = pretrainConfig(lab, { threshold: Infinity, seed: searchSeed });
const rows = [];
for (const cell of cells) {
  rows.push(await annealed(cell));
  console.log(tableText(rows.slice(-1).map(asText)));
}
console.log(tableText(rows.map(asText)));
const before = await measured(source, (await run(lab, source)).result.accuracy);
if (flags.out !== undefined) {
  const finishedAt = new Date().toISOString();
  const facts = { profile: flags.profile, epochs: Number(flags.epochs), images: Number(flags.images) };
  await writeJsonAtomic(flags.out, { ...provenance, finishedAt, ...facts, before, rows });
}

async function annealed(cell: Cell): Promise<Cell & Measured> {
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
  return { ...cell, ...(await measured(network, result.accuracy)) };
}

async function measured(network: NetworkSource, fp32: number): Promise<Measured> {
  const accuracy: Record<string, number> = {};
  for (const bits of numbers(flags.bits)) {
    const { result } = await run(lab, ptqConfig(lab, { source: network, bits }));
    accuracy[bits] = result.accuracy;
  }
  return { fp32, accuracy };
}

function asText({
  penalty,
  through,
  strength,
  learningRate,
  ...row
}: Cell & Measured): Record<string, string> {
  return { penalty, through, λ: String(strength), rate: String(learningRate), ...columnsOf(row) };
}
