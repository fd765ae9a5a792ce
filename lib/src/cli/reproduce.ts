/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, consoleProgress, formatDuration, writeFileAtomic } from '../base/index.js';
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
import { runNotebook } from '../notebook/index.js';
import { lowBitRows, overviewPage, sweepRows, tableText } from '../report/index.js';
import { minutesOption, untilDeadline } from './deadline.js';
import { printEstimate } from './estimate.js';
import { kernelEnvironment } from './notebook.js';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  labsOf,
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
    .option('--report <folder>', 'where the pages go', 'report')
    .option('--write', 'write the outputs into the notebooks themselves, too')
    .option('--no-notebooks', 'only the runs and their tables')
    .addOption(minutesOption)
    .option('--estimate', 'measure a few steps of each kind here, say how long the runs will take, and stop')
    .addOption(eagerOption)
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
      const descriptions = [describeLab(labs.cifar), describeLab(labs.imagenet)];
      process.stderr.write(`${descriptions.join('\n')}\n`);
      if (options.estimate) return await printEstimate(mainJob(labs), options.json);
      if (!(await untilDeadline(() => runAll(labs), mainJob(labs)))) return;
      const [sweep, cells] = [await thresholdSweep(labs.cifar), await lowBitSweep(labs.cifar)];
      const claims = await claimsBoard(labs);
      if (!options.json) process.stdout.write(resultText(sweep, cells, claims));
      const pages = options.notebooks ? await runNotebooks(labs, options) : [];
      const report = join(resolve(options.report), 'index.html');
      await writeFileAtomic(report, overviewPage({ description: descriptions[0]!, pages, sweep, cells }));
      if (options.write) await shipResults(labs);
      const seconds = (performance.now() - began) / 1000;
      print(
        { profile: labs.cifar.profile.name, seconds, report, sweep, cells, claims },
        `Done in ${formatDuration(seconds)}. The report: ${report}`,
        options.json,
      );
    });
}

/** Asks for every run of both labs, and says how many there are and how long it has taken. */
async function runAll(labs: Labs): Promise<void> {
  const jobs = mainJob(labs);
  const began = performance.now();
  let computed = 0;
  for (const [i, { lab, config }] of jobs.entries()) {
    const { from } = await run(config, lab);
    if (from !== 'computed') continue;
    computed++;
    const elapsed = formatDuration((performance.now() - began) / 1000);
    process.stderr.write(`[${i + 1}/${jobs.length}] ${describeConfig(config)} · ${elapsed} so far\n`);
  }
  process.stderr.write(
    `${jobs.length} runs: ${computed} computed, ${jobs.length - computed} from the store\n`,
  );
}

/** Puts the small results of both labs where they ship with the project, in place of what was there of the profile. */
async function shipResults(labs: Labs): Promise<void> {
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
    ...claims.map(
      ({ id, statement, verdict, evidence }) =>
        `${id} ${verdict.toUpperCase()} · ${statement}\n    ${evidence}`,
    ),
    '',
    '',
  ].join('\n');
}

/** Executes the project's notebooks into the report folder. Returns the pages' names and titles. */
async function runNotebooks(
  { cifar }: Labs,
  { report, write, data, runs }: ReproduceOptions,
): Promise<string[]> {
  const folder = resolve('notebooks');
  check(
    existsSync(folder),
    `There is no folder ${folder}; run reproduce in the project's folder, or with --no-notebooks`,
  );
  await mkdir(resolve(report), { recursive: true });
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.ipynb'))
    .sort();
  for (const name of names) {
    const result = await runNotebook(join(folder, name), {
      write: write ?? false,
      html: resolve(report),
      env: {
        ...kernelEnvironment(cifar.profile.name),
        OABN_SHIPPED: '0',
        ...(runs !== undefined && { OABN_RUNS_DIR: resolve(runs) }),
        ...(data !== undefined && existsSync(data) && { OABN_DATA_DIR: resolve(data) }),
      },
      progress: consoleProgress(),
    });
    check(result.ok, () => result.summary);
  }
  return names.map((name) => `${basename(name, '.ipynb')}.html`);
}
