/**
 * Which λ is best for the penalties on outliers in pretraining: a search at a seed of its own, scored on the training
 * images that no network of it was trained on, as a table.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/penaltySearch.ts
 *       [kure,merged,0.001 …] [--profile desk] [--images 25000] [--epochs 6] [--bits 4,3] [--jobs 2] [--runs runs]
 *       [--out rows.json]
 *
 * Each argument is a penalty, what it acts on, and λ; without any, those of the search that ships are tried. What the
 * store has answers at once.
 */
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import {
  describeConfig,
  type PretrainConfig,
  pretrainConfig,
  ptqConfig,
  run,
  runAll,
  softwareVersions,
} from 'oabn/experiment';
import type { PenaltyName } from 'oabn/train';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { openPaperLab } from '../src/profiles/index.js';
import { searchData, searchSeed } from '../src/studies/index.js';
import { columnsOf, type Measured } from './penalized.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: 'string', default: 'desk' },
    images: { type: 'string', default: '25000' },
    epochs: { type: 'string', default: '6' },
    bits: { type: 'string', default: '4,3' },
    jobs: { type: 'string', default: '2' },
    runs: { type: 'string' },
    out: { type: 'string' },
  },
});

interface Cell {
  readonly penalty: PenaltyName;
  /** What the penalty acts on. */
  readonly on: 'merged' | 'branches';
  /** λ */
  readonly strength: number;
}

const tried = {
  kure: { merged: [0.0003, 0.001, 0.003, 0.01], branches: [0.03, 0.1, 0.3] },
  range: { merged: [0.015, 0.05, 0.15, 0.5], branches: [0.015, 0.05, 0.15, 0.5] },
} as const;
const cells: readonly Cell[] =
  positionals.length > 0
    ? positionals.map((text) => {
        const [penalty, on, strength] = text.split(',');
        return { penalty: penalty as PenaltyName, on: on as Cell['on'], strength: Number(strength) };
      })
    : (['kure', 'range'] as const).flatMap((penalty) =>
        (['merged', 'branches'] as const).flatMap((on) =>
          tried[penalty][on].map((strength) => ({ penalty, on, strength })),
        ),
      );

const whole = await openPaperLab({
  ...{ profile: flags.profile, progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const lab = { ...whole, data: searchData(whole) };
const provenance = await beginProvenance({ dataset: lab.train.provenance }, softwareVersions(), undefined);
const bits = flags.bits.split(',').map(Number);
const networks = [undefined, ...cells].map(networkOf);
const quantized = networks.flatMap((source) => bits.map((b) => ptqConfig(lab, { source, bits: b })));
await runAll(
  [...networks, ...quantized].map((config) => ({ lab, config })),
  {
    workers: Number(flags.jobs),
    onComputed: (config, done, total) => console.log(`[${done}/${total}] ${describeConfig(config)}`),
  },
);
const [before, ...measuredCells] = await Promise.all(networks.map(measured));
const rows = cells.map((cell, i) => ({ ...cell, ...measuredCells[i]! }));
console.log(tableText([asText('none', before!), ...rows.map((row) => asText(titleOf(row), row))]));
if (flags.out !== undefined) {
  const finishedAt = new Date().toISOString();
  const facts = { profile: flags.profile, epochs: Number(flags.epochs), images: Number(flags.images) };
  await writeJsonAtomic(flags.out, { ...provenance, finishedAt, ...facts, before, rows });
}
process.exit(0);

/** Plain BN with the penalty of a cell, or with none. */
function networkOf(regularizer: Cell | undefined): PretrainConfig {
  const schedule = { ...lab.defaults.pretraining.schedule, epochs: Number(flags.epochs) };
  return pretrainConfig(lab, {
    ...{ threshold: Infinity, seed: searchSeed },
    training: { images: Number(flags.images), schedule, ...(regularizer && { regularizer }) },
  });
}

async function measured(source: PretrainConfig): Promise<Measured> {
  const left = await Promise.all(
    bits.map(
      async (b) => [b, (await run(lab, ptqConfig(lab, { source, bits: b }))).result.accuracy] as const,
    ),
  );
  return { fp32: (await run(lab, source)).result.accuracy, accuracy: Object.fromEntries(left) };
}

function titleOf({ penalty, on, strength }: Cell): string {
  return `${penalty} on the ${on}, λ = ${strength}`;
}

function asText(penalty: string, row: Measured): Record<string, string> {
  return { penalty, ...columnsOf(row) };
}
