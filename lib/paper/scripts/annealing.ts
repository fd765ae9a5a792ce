/**
 * Annealing s and annealing with KURE beside training from scratch, RepQ and equalization, as a table: what the store has answers at
 * once.
 *
 *     node --conditions=oabn-source --import tsx lib/paper/scripts/annealing.ts [--profile desk] [--runs runs] [--bits 8,6,5,4]
 *       [--ways 'OABN annealed;KURE annealed'] [--seeds 1,2] [--threshold 0.5] [--epochs 3] [--images 25000] [--repq-bits 4]
 *       [--out rows.json]
 *
 * --epochs and --images are those of annealing and of fine-tuning through the merge (RepQ), which is trained
 * for each of --repq-bits.
 */
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import { softwareVersions } from 'oabn/experiment';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { openPaperLab } from '../src/profiles/index.js';
import { annealingTable, type AnnealingWay, compareAnnealing } from '../src/studies/index.js';

const { values: flags } = parseArgs({
  options: {
    profile: { type: 'string' },
    runs: { type: 'string' },
    ways: { type: 'string' },
    bits: { type: 'string' },
    seeds: { type: 'string' },
    threshold: { type: 'string' },
    epochs: { type: 'string' },
    images: { type: 'string' },
    'repq-bits': { type: 'string' },
    out: { type: 'string' },
  },
});

const numbers = (text: string): number[] => text.split(',').map(Number);
const lab = await openPaperLab({
  progress: consoleProgress(),
  ...(flags.profile !== undefined && { profile: flags.profile }),
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const provenance = await beginProvenance({ backend: lab.backend }, softwareVersions(), undefined);
const grid = {
  ...(flags.ways !== undefined && { ways: flags.ways.split(';') as AnnealingWay[] }),
  ...(flags.bits !== undefined && { bits: numbers(flags.bits) }),
  ...(flags.seeds !== undefined && { seeds: numbers(flags.seeds) }),
  ...(flags.threshold !== undefined && { threshold: Number(flags.threshold) }),
  ...(flags.epochs !== undefined && { epochs: Number(flags.epochs) }),
  ...(flags.images !== undefined && { images: Number(flags.images) }),
  ...(flags['repq-bits'] !== undefined && { repqBits: numbers(flags['repq-bits']) }),
};
const points = await compareAnnealing(lab, grid);
if (flags.out !== undefined) {
  const { provenance: dataset } = lab.train;
  const facts = { ...provenance, finishedAt: new Date().toISOString(), dataset, profile: lab.profile.name };
  await writeJsonAtomic(flags.out, { ...facts, grid, points });
}
console.log(tableText(annealingTable(points)));
