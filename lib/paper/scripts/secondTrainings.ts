/**
 * Writes `data/results/second-trainings.json`: what networks of profile desk that were trained again have in FP32 and
 * after uniform PTQ, beside the first ones that ship. A training that came out bit by bit as the first is left out.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/secondTrainings.ts --runs runs
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check, writeJsonAtomic } from 'oabn-base';
import { hashOf, ptqConfig, type RunConfig } from 'oabn/experiment';
import { openStore, type RunEntry } from 'provable-runs';
import { openPaperLab, shippedFolder } from '../src/profiles/index.js';
import {
  pretrainingRivals,
  rivalNetwork,
  type SecondTraining,
  secondTrainingsFile,
  type TrainingOutcome,
} from '../src/studies/index.js';

const { values: flags } = parseArgs({ options: { runs: { type: 'string' } } });
check(flags.runs !== undefined, 'Name the folder of the second trainings with --runs');
const lab = await openPaperLab({ profile: 'desk', shipped: false, runs: flags.runs });
const { seeds, ablation, ptqBits } = lab.profile;
const entries = new Map((await openStore(flags.runs).list()).map((entry) => [entry.hash, entry]));

const rows: SecondTraining[] = [];
const provenances: RunEntry['provenance'][] = [];
for (const seed of seeds)
  for (const pretraining of Object.keys(pretrainingRivals)) {
    const source = rivalNetwork(lab, { pretraining, threshold: ablation.threshold, seed });
    const again = entries.get(hashOf(source));
    if (again?.status !== 'done') continue;
    const outcome = async (
      accuracyOf: (config: RunConfig) => Promise<number | undefined>,
    ): Promise<TrainingOutcome | undefined> => {
      const fp32 = await accuracyOf(source);
      const left = ptqBits.map(
        async (bits) => [bits, await accuracyOf(ptqConfig(lab, { source, bits }))] as const,
      );
      const ptq = Object.fromEntries(
        (await Promise.all(left)).flatMap(([bits, accuracy]) =>
          accuracy === undefined ? [] : [[bits, accuracy] as const],
        ),
      );
      return fp32 === undefined ? undefined : { fp32, ptq };
    };
    const [first, second] = [await outcome(shippedAccuracy), await outcome(storedAccuracy)];
    if (!first || !second || first.fp32 === second.fp32) continue;
    rows.push({ pretraining, seed, hash: again.hash, first, second });
    provenances.push(again.provenance);
  }
await writeJsonAtomic(secondTrainingsFile(), { profile: 'desk', rows, provenances });
console.log(rows);
process.exit(0);

async function storedAccuracy(config: RunConfig): Promise<number | undefined> {
  const entry = entries.get(hashOf(config));
  return entry?.status === 'done' ? (entry.result as { accuracy: number }).accuracy : undefined;
}

async function shippedAccuracy(config: RunConfig): Promise<number | undefined> {
  try {
    const text = await readFile(join(shippedFolder(), `${hashOf(config)}.json`), 'utf8');
    return (JSON.parse(text) as { result: { accuracy: number } }).result.accuracy;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
