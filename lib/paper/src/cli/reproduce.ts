/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, consoleProgress, checkWritable, formatDuration, tableText, writeFileAtomic } from 'oabn-base';
import type { Claim, LowBitPoint, ThresholdPoint } from '../claims/index.js';
import { describeLab, type Labs, sidesOf } from '../profiles/index.js';
import {
  boardOf,
  claimsBoard,
  lowBitStudy,
  imagenetClaims,
  mainJob,
  networkStudy,
  runStudy,
  storeVerdicts,
  type StudyResult,
  studyTable,
  thresholdStudy,
} from '../studies/index.js';
import { describeConfig, runAll } from 'oabn/experiment';
import { claimsText, reportFigures, reportPage, type ReportRun } from '../report/index.js';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  minutesOption,
  precisionOption,
  print,
  runsOption,
  untilDeadline,
} from 'oabn/cli';
import { printEstimate } from './estimate.js';
import { notebooksFolder, runNotebooks, sayBesideBar } from './executeNotebooks.js';
import { labsOf, profileOption, runsAtOnce } from './options.js';
import { shipResults, writeCrate, writeFigures } from './shipResults.js';
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

/** Called before hours of computing. @throws UserError where there are no notebooks to execute */
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
Every run is stored: an interrupted job continues where it was, and a finished one answers in seconds. Results that ship with
the project do not count as runs, neither here nor with --queue: what is reproduced has been computed. Notebooks that you open
yourself do take them (OABN_SHIPPED=0: no).

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
      process.stderr.write(`${sidesOf(labs).map(describeLab).join('\n')}\n`);
      const workers = runsAtOnce(options.jobs, sidesOf(labs));
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
      const onImagenet = await imagenetClaims(labs);
      await storeVerdicts(labs, { claims, onImagenet });
      const board = boardOf({ claims, onImagenet });
      if (!options.json) process.stdout.write(resultText(sweep, cells, board));
      const { notebooks, failures } = options.notebooks
        ? await runNotebooks(labs, options, workers)
        : { notebooks: [], failures: [] };
      const folder = resolve(options.report);
      await writeFileAtomic(
        report,
        await reportPage({
          labs,
          story: { threshold, networks, sweep, cells, claims },
          board,
          notebooks,
          runs,
        }),
      );
      const figures = await writeFigures(reportFigures(notebooks), join(folder, 'figures'));
      const names = reportFigures(notebooks).map(({ name }) => name);
      await writeCrate(folder, names, { labs, runs, startedAt });
      // A report with a failed notebook in it is better than none.
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

/** Every run of both labs; reports how many there are and how long they took. */
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
