/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  check,
  consoleProgress,
  checkWritable,
  copyFileAtomic,
  formatDuration,
  silent,
  tableText,
  UserError,
  writeFileAtomic,
  writeJsonAtomic,
} from 'oabn-base';
import pLimit from 'p-limit';
import type { Claim, LowBitPoint, ThresholdPoint } from '../claims/index.js';
import { describeLab, type Labs, type Profile, shippedFolder } from '../profiles/index.js';
import {
  claimsBoard,
  lowBitStudy,
  imagenetClaims,
  mainJob,
  networkStudy,
  runStudy,
  shippedVerdicts,
  readVerdicts,
  storeVerdicts,
  verdictsFile,
  type StudyResult,
  studyTable,
  thresholdStudy,
} from '../studies/index.js';
import { defaultWorkers, describeConfig, run, runAll, softwareVersions, threadsEach } from 'oabn/experiment';
import { type NotebookRun, runNotebook } from 'tslab-kernel/run';
import {
  claimsText,
  type CrateParts,
  crateFile,
  type ReportFigure,
  reportFigures,
  type ReportNotebook,
  reportPage,
  type ReportRun,
  type ResultRows,
  runCrate,
  updateReadme,
  workflowFile,
  workflowRecord,
} from '../report/index.js';
import { figurePng, figureSvg } from 'tslab-kernel/picture';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  minutesOption,
  precisionOption,
  print,
  profileOption,
  runsOption,
  untilDeadline,
  wholeNumber,
} from 'oabn/cli';
import { printEstimate } from './estimate.js';
import { kernelEnvironment } from './notebook.js';
import { labsOf } from './options.js';
import { type ComputeOptions, computeOnWorkers } from './sweep/compute.js';
import { queueOption, storeOption, type SweepOptions } from './sweep/options.js';

interface ReproduceOptions extends CommonOptions, SweepOptions {
  readonly onBackend?: string;
  readonly report: string;
  readonly write?: boolean;
  readonly notebooks: boolean;
  readonly estimate?: boolean;
  readonly jobs?: string;
}

/** Said before hours of computing. @throws UserError where there are no notebooks to execute */
function checkNotebooks({ notebooks }: ReproduceOptions): void {
  const found =
    existsSync(notebooksFolder) && readdirSync(notebooksFolder).some((name) => name.endsWith('.ipynb'));
  check(
    !notebooks || found,
    `There are no notebooks in ${notebooksFolder}; go to the project's folder, or add --no-notebooks`,
  );
}

export function addReproduce(program: Command): void {
  program
    .command('reproduce')
    .description(
      'train, merge and quantize the whole grid of a profile, execute the notebooks, and write the report',
    )
    .addOption(profileOption)
    .addOption(dataOption)
    .addOption(runsOption)
    .option('--report <folder>', 'where the report and its figures go', 'report')
    .option('--write', 'also write the outputs into the notebooks themselves')
    .option('--no-notebooks', 'only the runs and their tables')
    .option(
      '--jobs <n>',
      'runs and notebooks at a time; default one per core, or one on a GPU. OABN_THREADS sets the threads of each',
    )
    .addOption(minutesOption)
    .addOption(queueOption())
    .addOption(storeOption())
    .option('--on-backend <name>', 'with --queue: only on workers with this backend, such as webgpu')
    .option(
      '--estimate',
      'measure a few steps of each kind here, predict how long the runs will take, and stop',
    )
    .addOption(eagerOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Every run is stored: an interrupted job continues where it was, and a finished one answers in seconds.

Examples:
  $ oabn reproduce --profile smoke
  $ OABN_DATA_DIR=~/data oabn reproduce --profile quick --write
  $ oabn reproduce --profile paper --estimate
  $ oabn reproduce --profile paper --minutes 9
  $ oabn reproduce --profile desk --queue redis://head:6379 --store /shared/oabn   # and on each machine: oabn worker …`,
    )
    .action(async (options: ReproduceOptions) => {
      const began = performance.now();
      const startedAt = new Date().toISOString();
      const report = join(resolve(options.report), 'index.html');
      if (!options.estimate) {
        await checkWritable(report);
        checkNotebooks(options);
      }
      const elsewhere = workersOf(options);
      const labs = await labsOf(options);
      process.stderr.write(`${describeLab(labs.cifar)}\n${describeLab(labs.imagenet)}\n`);
      const workers = jobsOf(options, labs);
      if (options.estimate) return await printEstimate(mainJob(labs), workers, options.json);
      const runs = await untilDeadline(async () => {
        if (elsewhere) await computeOnWorkers(mainJob(labs), elsewhere);
        return await runEverything(labs, workers);
      }, mainJob(labs));
      if (!runs) return;
      const sweep = await runStudy(labs.cifar, thresholdStudy());
      const cells = await runStudy(labs.cifar, lowBitStudy());
      const { threshold } = labs.cifar.profile.ablation;
      const networks = await runStudy(labs.cifar, networkStudy([threshold, Infinity]));
      const claims = await claimsBoard(labs);
      // Before the notebooks, which show what is stored.
      await storeVerdicts(labs, { claims, onImagenet: await imagenetClaims(labs) });
      if (!options.json) process.stdout.write(resultText(sweep, cells, claims));
      const { notebooks, failures } = options.notebooks
        ? await runNotebooks(labs, options, workers)
        : { notebooks: [], failures: [] };
      const folder = resolve(options.report);
      await writeFileAtomic(
        report,
        await reportPage({ labs, story: { threshold, networks, sweep, cells, claims }, notebooks, runs }),
      );
      const figures = await writeFigures(reportFigures(notebooks), join(folder, 'figures'));
      const names = reportFigures(notebooks).map(({ name }) => name);
      await writeCrate(folder, names, { labs, runs, startedAt });
      // A report with a failed notebook in it is worth more than none.
      check(
        failures.length === 0,
        () => `${failures.join('\n')}\nThe report, without the rest of it: ${report}`,
      );
      if (options.write) await shipResults(labs, figures, { sweep: sweep.rows, cells: cells.rows });
      const seconds = (performance.now() - began) / 1000;
      print(
        { profile: labs.cifar.profile.name, seconds, report, sweep: sweep.rows, cells: cells.rows, claims },
        `Done in ${formatDuration(seconds)}. The report: ${report}`,
        options.json,
      );
    });
}

/** Where the runs are computed, if not here. @throws UserError when only one of the two places is named */
function workersOf({ queue, store, onBackend: backend }: ReproduceOptions): ComputeOptions | undefined {
  if (queue === undefined && store === undefined) return undefined;
  check(queue !== undefined, '--store needs --queue, which tells the workers what to compute');
  check(
    store !== undefined,
    '--queue needs --store: a shared folder or s3://bucket/prefix, where results go',
  );
  return { queue, store, say: sayBesideBar, ...(backend !== undefined && { backend }) };
}

/** How many runs at a time. @throws UserError when `--jobs` is no whole number above 0 */
function jobsOf({ jobs }: ReproduceOptions, { cifar, imagenet }: Labs): number {
  if (jobs === undefined) return defaultWorkers([cifar, imagenet]);
  const count = wholeNumber('--jobs', jobs);
  check(count > 0, `--jobs must be at least 1, got ${jobs}`);
  return count;
}

/** Every run of both labs; says how many there are and how long it has taken. */
async function runEverything(labs: Labs, workers: number): Promise<ReportRun[]> {
  const began = performance.now();
  if (workers > 1) process.stderr.write(`${workers} runs at a time (--jobs 1: one, with all cores)\n`);
  const runs = (await runAll(mainJob(labs), {
    workers,
    progress: consoleProgress(),
    onComputed: (config, done, total) => {
      const elapsed = formatDuration((performance.now() - began) / 1000);
      sayBesideBar(`[${done}/${total}] ${describeConfig(config)} · ${elapsed} so far`);
    },
  })) as ReportRun[];
  const computed = runs.filter(({ from }) => from === 'computed').length;
  process.stderr.write(
    `${runs.length} runs: ${computed} computed, ${runs.length - computed} from the store\n`,
  );
  return runs;
}

/** A line on standard error in the place of a bar, which is drawn again below it. */
function sayBesideBar(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${line}\n`);
}

/**
 * Writes each figure as SVG and, on a machine with fonts, as PNG. Returns the paths of the PNGs by their
 * names.
 */
async function writeFigures(figures: readonly ReportFigure[], folder: string): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const { name, figure } of figures) {
    await writeFileAtomic(join(folder, `${name}.svg`), figureSvg(figure));
    const png = await figurePng(figure);
    if (!png) continue;
    pictures.set(name, join(folder, `${name}.png`));
    await writeFileAtomic(pictures.get(name)!, png);
  }
  return pictures;
}

/** Writes what archives read of the report's folder: an RO-Crate, and the runs that it is about. */
async function writeCrate(
  folder: string,
  figures: readonly string[],
  of: Pick<CrateParts, 'labs' | 'runs' | 'startedAt'>,
): Promise<void> {
  const pictures = figures.flatMap((name) => [`figures/${name}.svg`, `figures/${name}.png`]);
  const files = pictures.filter((path) => existsSync(join(folder, path)));
  const parts: CrateParts = {
    ...of,
    files: ['index.html', ...files],
    finishedAt: new Date().toISOString(),
    command: ['oabn', ...process.argv.slice(2)].join(' '),
    versions: { node: process.versions.node, ...softwareVersions() },
  };
  await writeJsonAtomic(join(folder, workflowFile), workflowRecord(parts));
  await writeJsonAtomic(join(folder, crateFile), runCrate(parts));
}

/** The figures that ship with the project, by how the names of their notebooks begin. */
const shippedFigures = /^(fig(?:1|2|4|5|7a|7b|8))-(?!.*-\d+$)/;

/**
 * Puts the small results and the verdicts of both labs where they ship with the project, in place of those of
 * the same runs, and the first figure of each notebook named above as `data/results/<fig>-<profile>.png`.
 */
async function shipResults(
  labs: Labs,
  figures: ReadonlyMap<string, string>,
  rows: ResultRows,
): Promise<void> {
  for (const [name, path] of figures) {
    const figure = shippedFigures.exec(name)?.[1];
    const shipped = join(shippedFolder(), '..', `${figure}-${labs.cifar.profile.name}.png`);
    if (figure !== undefined) await copyFileAtomic(path, shipped);
  }
  await shipVerdicts(labs, rows);
  for (const { lab, config } of mainJob(labs)) {
    const { hash } = await run(lab, config);
    await lab.store.export(hash, shippedFolder());
  }
}

/** The verdicts, and the README's table and board where they are of this profile. */
async function shipVerdicts(labs: Labs, rows: ResultRows): Promise<void> {
  const { name } = labs.cifar.profile;
  await copyFileAtomic(verdictsFile(labs), shippedVerdicts(name));
  await updateReadme(name, { ...rows, claims: readVerdicts(verdictsFile(labs)).claims });
}

function resultText(
  sweep: StudyResult<ThresholdPoint>,
  cells: StudyResult<LowBitPoint>,
  claims: readonly Claim[],
): string {
  return [
    '',
    'Accuracy over s, uniform PTQ (figure 7a)',
    tableText(studyTable(sweep)),
    '',
    'Low bits: accuracy by method and s (table 5)',
    tableText(studyTable(cells)),
    '',
    'The claims of the paper on these runs',
    claimsText(claims),
    '',
    '',
  ].join('\n');
}

/** Whether a profile's job executes the notebook: those of its story, or all. */
const isOfStory = (name: string, { story }: Profile): boolean =>
  story === undefined || story.some((prefix) => name.startsWith(prefix));

/** In the project's folder. */
const notebooksFolder = 'notebooks';

/**
 * Executes the project's notebooks, `workers` at a time, each with its share of the cores. A cell that fails
 * does not keep the others from running; a kernel that does not start would not start for them either.
 */
async function runNotebooks(
  { cifar }: Labs,
  { write, data, runs }: ReproduceOptions,
  workers: number,
): Promise<{ notebooks: ReportNotebook[]; failures: string[] }> {
  check(
    existsSync(notebooksFolder),
    () =>
      `There is no folder ${resolve(notebooksFolder)}; run reproduce in the project's folder, or with --no-notebooks`,
  );
  const names = readdirSync(notebooksFolder)
    .filter((name) => name.endsWith('.ipynb') && isOfStory(name, cifar.profile))
    .sort();
  let [stopped, done] = [false, 0];
  const failures: string[] = [];
  const inTurn = pLimit(workers);
  const progress = consoleProgress();
  const execute = async (name: string): Promise<(NotebookRun & { name: string }) | undefined> => {
    if (stopped) return undefined;
    const path = join(notebooksFolder, name);
    const result = await runNotebook(path, {
      write: write ?? false,
      env: {
        ...kernelEnvironment(cifar.profile.name),
        OABN_SHIPPED: '0',
        OABN_THREADS: String(threadsEach(workers)),
        ...(runs !== undefined && { OABN_RUNS_DIR: resolve(runs) }),
        ...(data !== undefined && existsSync(data) && { OABN_DATA_DIR: resolve(data) }),
      },
      // Bars of several notebooks would write over each other: then one counts them.
      progress: workers > 1 ? silent : progress,
    }).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      if (!stopped) failures.push(`${path}: ${error.message}`);
      stopped = true;
    });
    if (!result) return undefined;
    if (workers > 1) {
      sayBesideBar(result.summary);
      progress({ task: 'notebooks', done: ++done, total: names.length });
    }
    stopped ||= result.failure?.status === 'interrupted';
    if (!result.ok) failures.push(result.summary);
    return { ...result, name };
  };
  const results = await Promise.all(names.map((name) => inTurn(() => execute(name))));
  const executed = results.flatMap((result) => result ?? []);
  return {
    notebooks: executed.map(({ name, notebook }) => ({ name: basename(name, '.ipynb'), notebook })),
    failures,
  };
}
