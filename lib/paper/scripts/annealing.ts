/**
 * Annealing s beside training from scratch, RepQ and equalization, as a table: what the store has answers at
 * once.
 *
 *     node --conditions=oabn-source --import tsx lib/paper/scripts/annealing.ts [--profile desk] [--runs runs] [--bits 8,6,5,4]
 *       [--seeds 1,2] [--threshold 0.5] [--out rows.json]
 */
import { parseArgs } from 'node:util';
import { consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import { openPaperLab } from '../src/profiles/index.js';
import { annealingTable, compareAnnealing } from '../src/studies/index.js';

const { values: flags } = parseArgs({
  options: {
    profile: { type: 'string' },
    runs: { type: 'string' },
    bits: { type: 'string' },
    seeds: { type: 'string' },
    threshold: { type: 'string' },
    out: { type: 'string' },
  },
});

const numbers = (text: string): number[] => text.split(',').map(Number);
const lab = await openPaperLab({
  progress: consoleProgress(),
  ...(flags.profile !== undefined && { profile: flags.profile }),
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const points = await compareAnnealing(lab, {
  ...(flags.bits !== undefined && { bits: numbers(flags.bits) }),
  ...(flags.seeds !== undefined && { seeds: numbers(flags.seeds) }),
  ...(flags.threshold !== undefined && { threshold: Number(flags.threshold) }),
});
if (flags.out !== undefined) await writeJsonAtomic(flags.out, points);
console.log(tableText(annealingTable(points)));
