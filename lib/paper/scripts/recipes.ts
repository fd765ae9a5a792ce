/**
 * The search for a profile's recipe from the command line: recipes from a file, run several at a time, as a
 * table and as JSON rows. Stopped, it goes on where it was; asked again, it prints what is there.
 *
 *     node --conditions=oabn-source --import tsx lib/paper/scripts/recipes.ts recipes.json --out rows.json
 *       [--runs runs] [--workers 2] [--no-run]
 *
 * The file has the data's name, what all recipes share, and by name what each changes of it:
 *
 *     {"data": "cifar10", "base": {"arch": {…}, "training": {…}}, "recipes": {"lr 0.2": {"training": {"schedule": {…}}}}}
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeJsonAtomic } from 'oabn-base';
import type { DatasetName } from 'oabn/data';
import { hashOf, run, runAll, softwareVersions } from 'oabn/experiment';
import { beginProvenance } from '../../runs/src/store/provenance.js';
import { openPaperLab, type PaperLab } from '../src/profiles/index.js';
import {
  type Recipe,
  recipeNetwork,
  type RecipeRow,
  recipeRows,
  recipeStudy,
  runStudy,
  studyJobs,
} from '../src/studies/index.js';

type Changes = Readonly<Record<string, unknown>>;

interface RecipeFile {
  readonly data: DatasetName;
  readonly base: Changes;
  readonly recipes: Readonly<Record<string, Changes>>;
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'recipes.json' },
    runs: { type: 'string' },
    workers: { type: 'string' },
    'no-run': { type: 'boolean', default: false },
  },
});

/** `changes` over `base`, member by member down to values and lists. */
function merged(base: unknown, changes: unknown): unknown {
  const isRecord = (value: unknown): value is Changes =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord(base) || !isRecord(changes)) return changes;
  const members = Object.entries(changes).map(([name, value]) => [name, merged(base[name], value)]);
  return { ...base, ...Object.fromEntries(members) };
}

/** A row with the processor seconds of training and its evaluation, where they were counted. */
interface CostedRow extends RecipeRow {
  readonly coreSeconds?: number;
}

/** The rows of the recipes whose runs are all in the store. */
async function finished(lab: PaperLab, recipes: readonly Recipe[]): Promise<CostedRow[]> {
  const done = new Set(
    (await lab.store.list()).filter(({ status }) => status === 'done').map(({ hash }) => hash),
  );
  const whole = recipes.filter((recipe) =>
    studyJobs(lab, [recipeStudy([recipe])]).every(({ config }) => done.has(hashOf(config))),
  );
  const { rows } = await runStudy(lab, recipeStudy(whole));
  const costed: CostedRow[] = [];
  for (const row of recipeRows(rows)) {
    const { cpuSeconds } = (await run(lab, recipeNetwork(lab, row))).provenance;
    costed.push({ ...row, ...(cpuSeconds !== undefined && { coreSeconds: cpuSeconds }) });
  }
  return costed;
}

const percent = (share: number): string => (100 * share).toFixed(1).padStart(5);

function line(row: CostedRow): string {
  const minutes = row.coreSeconds === undefined ? '?' : (row.coreSeconds / 60).toFixed(1);
  const kept = Object.entries(row.quantized)
    .reverse()
    .map(([bits, accuracy]) => `${bits}b ${percent(accuracy)}`);
  return [
    row.name.padEnd(44),
    percent(row.accuracy),
    `${minutes.padStart(6)} min`,
    `peak/σ ${row.meanPeakToSigma.toFixed(1).padStart(5)}/${row.maxPeakToSigma.toFixed(0).padStart(3)}`,
    `r0 ${row.maxRatio.toFixed(2).padStart(6)}`,
    ...kept,
  ].join('  ');
}

const file = JSON.parse(readFileSync(positionals[0]!, 'utf8')) as RecipeFile;
const recipes = Object.entries(file.recipes).map(
  ([name, changes]) => ({ name, ...(merged(file.base, changes) as object) }) as Recipe,
);
const lab = await openPaperLab({
  profile: 'quick',
  dataset: file.data,
  shipped: false,
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const provenance = await beginProvenance({ dataset: lab.train.provenance }, softwareVersions(), undefined);

async function report(): Promise<CostedRow[]> {
  const rows = await finished(lab, recipes);
  await writeJsonAtomic(flags.out, { provenance, rows });
  return rows;
}

if (!flags['no-run']) {
  const said = new Set<string>();
  let reported = Promise.resolve();
  const tell = async (): Promise<void> => {
    for (const row of await report()) {
      if (!said.has(row.name)) console.log(line(row));
      said.add(row.name);
    }
  };
  await runAll(studyJobs(lab, [recipeStudy(recipes)]), {
    ...(flags.workers !== undefined && { workers: Number(flags.workers) }),
    // One after the other: each writes the same file.
    onComputed: () => void (reported = reported.then(tell)),
  });
  await reported;
}
console.log('');
for (const row of await report()) console.log(line(row));
process.exit(0);
