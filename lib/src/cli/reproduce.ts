/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, consoleProgress, copyFileAtomic, formatDuration, writeFileAtomic } from '../base/index.js';
import {
  type Claim,
  claimsBoard,
  describeConfig,
  describeLab,
  type Labs,
  type LowBitPoint,
  lowBitSweep,
  mainJob,
  run,
  shippedFolder,
  type ThresholdPoint,
  thresholdSweep,
} from '../experiment/index.js';
import {
  type ReportFigure,
  reportFigures,
  type ReportNotebook,
  reportPage,
  runNotebook,
} from '../notebook/index.js';
import {
  claimsText,
  figurePng,
  figureSvg,
  lowBitRows,
  type ReportRun,
  sweepRows,
  tableText,
} from '../report/index.js';
import { minutesOption, untilDeadline } from './deadline.js';
import { printEstimate } from './estimate.js';
import { kernelEnvironment } from './notebook.js';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  labsOf,
  precisionOption,
  profileOption,
  runsOption,
} from './options.js';
import { print } from './output.js';

interface ReproduceOptions extends CommonOptions {
  readonly report: string;
  readonly write?: boolean;
  readonly notebooks: boolean;
  readonly estimate?: boolean;
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
    .option('--write', 'write the outputs into the notebooks themselves, too')
    .option('--no-notebooks', 'only the runs and their tables')
    .addOption(minutesOption)
    .option('--estimate', 'measure a few steps of each kind here, say how long the runs will take, and stop')
    .addOption(eagerOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Every run is stored: interrupted, the job goes on where it was, and done, it answers in seconds.

Examples:
  $ oabn reproduce --profile smoke
  $ OABN_DATA_DIR=~/data oabn reproduce --profile quick --write
  $ oabn reproduce --profile paper --estimate
  $ oabn reproduce --profile paper --minutes 9`,
    )
    .action(async (options: ReproduceOptions) => {
      const began = performance.now();
      const labs = await labsOf(options);
      process.stderr.write(`${describeLab(labs.cifar)}\n${describeLab(labs.imagenet)}\n`);
      if (options.estimate) return await printEstimate(mainJob(labs), options.json);
      const runs = await untilDeadline(() => runAll(labs), mainJob(labs));
      if (!runs) return;
      const [sweep, cells] = [await thresholdSweep(labs.cifar), await lowBitSweep(labs.cifar)];
      const claims = await claimsBoard(labs);
      if (!options.json) process.stdout.write(resultText(sweep, cells, claims));
      const { notebooks, failures } = options.notebooks
        ? await runNotebooks(labs, options)
        : { notebooks: [], failures: [] };
      const folder = resolve(options.report);
      const report = join(folder, 'index.html');
      await writeFileAtomic(report, await reportPage({ labs, claims, notebooks, runs }));
      const figures = await writeFigures(reportFigures(notebooks), join(folder, 'figures'));
      // A report with a failed notebook in it is worth more than none.
      check(
        failures.length === 0,
        () => `${failures.join('\n')}\nThe report, without the rest of it: ${report}`,
      );
      if (options.write) await shipResults(labs, figures);
      const seconds = (performance.now() - began) / 1000;
      print(
        { profile: labs.cifar.profile.name, seconds, report, sweep, cells, claims },
        `Done in ${formatDuration(seconds)}. The report: ${report}`,
        options.json,
      );
    });
}

/** Every run of both labs; says how many there are and how long it has taken. */
async function runAll(labs: Labs): Promise<ReportRun[]> {
  const jobs = mainJob(labs);
  const began = performance.now();
  const runs: ReportRun[] = [];
  let computed = 0;
  for (const [i, { lab, config }] of jobs.entries()) {
    const done = (await run(config, lab)) as ReportRun;
    runs.push(done);
    if (done.from !== 'computed') continue;
    computed++;
    const elapsed = formatDuration((performance.now() - began) / 1000);
    process.stderr.write(`[${i + 1}/${jobs.length}] ${describeConfig(config)} · ${elapsed} so far\n`);
  }
  process.stderr.write(
    `${jobs.length} runs: ${computed} computed, ${jobs.length - computed} from the store\n`,
  );
  return runs;
}

/** Writes each figure as SVG and, on a machine with fonts, as PNG. Returns the paths of the PNGs by their names. */
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

/** The figures that ship with the project, by how the names of their notebooks begin. */
const shippedFigures = /^(fig(?:1|2|4|5|7a|7b|8))-(?!.*-\d+$)/;

/**
 * Puts the small results of both labs where they ship with the project, in place of what was there of the profile, and the
 * first figure of each notebook named above as `data/results/<fig>-<profile>.png`.
 */
async function shipResults(labs: Labs, figures: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, path] of figures) {
    const figure = shippedFigures.exec(name)?.[1];
    const shipped = join(shippedFolder(), '..', `${figure}-${labs.cifar.profile.name}.png`);
    if (figure !== undefined) await copyFileAtomic(path, shipped);
  }
  for (const { lab, config } of mainJob(labs)) {
    const { hash } = await run(config, lab);
    await lab.store.export(hash, shippedFolder());
  }
}

function resultText(
  sweep: readonly ThresholdPoint[],
  cells: readonly LowBitPoint[],
  claims: readonly Claim[],
): string {
  return [
    '',
    'Accuracy over s, uniform PTQ (figure 7a)',
    tableText(sweepRows(sweep)),
    '',
    'Low bits: accuracy by method and s (table 5)',
    tableText(lowBitRows(cells)),
    '',
    'The claims of the paper on these runs',
    claimsText(claims),
    '',
    '',
  ].join('\n');
}

/** Executes the project's notebooks. What fails in one does not keep the others from running. */
async function runNotebooks(
  { cifar }: Labs,
  { write, data, runs }: ReproduceOptions,
): Promise<{ notebooks: ReportNotebook[]; failures: string[] }> {
  const folder = resolve('notebooks');
  check(
    existsSync(folder),
    `There is no folder ${folder}; run reproduce in the project's folder, or with --no-notebooks`,
  );
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.ipynb'))
    .sort();
  const notebooks: ReportNotebook[] = [];
  const failures: string[] = [];
  for (const name of names) {
    const result = await runNotebook(join(folder, name), {
      write: write ?? false,
      env: {
        ...kernelEnvironment(cifar.profile.name),
        OABN_SHIPPED: '0',
        ...(runs !== undefined && { OABN_RUNS_DIR: resolve(runs) }),
        ...(data !== undefined && existsSync(data) && { OABN_DATA_DIR: resolve(data) }),
      },
      progress: consoleProgress(),
    });
    notebooks.push({ name: basename(name, '.ipynb'), notebook: result.notebook });
    if (!result.ok) failures.push(result.summary);
    if (result.failure?.status === 'interrupted') break;
  }
  return { notebooks, failures };
}
