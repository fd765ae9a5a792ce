/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, consoleProgress, formatDuration, writeFileAtomic } from '../base/index.js';
import {
  describeConfig,
  describeLab,
  gridConfigs,
  type Lab,
  type LowBitPoint,
  lowBitSweep,
  run,
  type ThresholdPoint,
  thresholdSweep,
} from '../experiment/index.js';
import { runNotebook } from '../notebook/index.js';
import { lowBitRows, overviewPage, sweepRows, tableText } from '../report/index.js';
import { kernelEnvironment } from './notebook.js';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  labOf,
  profileOption,
  runsOption,
} from './options.js';
import { print } from './output.js';

interface ReproduceOptions extends CommonOptions {
  readonly report: string;
  readonly write?: boolean;
  readonly notebooks: boolean;
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
    .addOption(eagerOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Every run is stored: interrupted, the job goes on where it was, and done, it answers in seconds.

Examples:
  $ oabn reproduce --profile smoke
  $ OABN_DATA_DIR=~/data oabn reproduce --profile quick --write`,
    )
    .action(async (options: ReproduceOptions) => {
      const began = performance.now();
      const lab = await labOf(options, { standIn: true });
      process.stderr.write(`${describeLab(lab)}\n`);
      await runGrid(lab);
      const [sweep, cells] = [await thresholdSweep(lab), await lowBitSweep(lab)];
      const description = describeLab(lab);
      if (!options.json) process.stdout.write(resultText(sweep, cells));
      const pages = options.notebooks ? await runNotebooks(lab, options) : [];
      const report = join(resolve(options.report), 'index.html');
      await writeFileAtomic(report, overviewPage({ description, pages, sweep, cells }));
      const seconds = (performance.now() - began) / 1000;
      print(
        { profile: lab.profile.name, seconds, report, sweep, cells },
        `Done in ${formatDuration(seconds)}. The report: ${report}`,
        options.json,
      );
    });
}

/** Asks for every run of the grid, and says how many there are and how long the rest will take. */
async function runGrid(lab: Lab): Promise<void> {
  const configs = gridConfigs(lab);
  const began = performance.now();
  let computed = 0;
  for (const [i, config] of configs.entries()) {
    const { from } = await run(config, lab);
    if (from !== 'computed') continue;
    computed++;
    const elapsed = formatDuration((performance.now() - began) / 1000);
    process.stderr.write(`[${i + 1}/${configs.length}] ${describeConfig(config)} · ${elapsed} so far\n`);
  }
  process.stderr.write(
    `${configs.length} runs: ${computed} computed, ${configs.length - computed} from the store\n`,
  );
}

function resultText(sweep: readonly ThresholdPoint[], cells: readonly LowBitPoint[]): string {
  return [
    '',
    'Accuracy over s, uniform PTQ (figure 7a)',
    tableText(sweepRows(sweep)),
    '',
    'Low bits: accuracy by method and s (table 5)',
    tableText(lowBitRows(cells)),
    '',
    '',
  ].join('\n');
}

/** Executes the project's notebooks into the report folder. Returns the pages' names and titles. */
async function runNotebooks(lab: Lab, { report, write, data, runs }: ReproduceOptions): Promise<string[]> {
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
        ...kernelEnvironment(lab.profile.name),
        ...(runs !== undefined && { OABN_RUNS_DIR: resolve(runs) }),
        ...(data !== undefined && existsSync(data) && { OABN_DATA_DIR: resolve(data) }),
      },
      progress: consoleProgress(),
    });
    check(result.ok, () => result.summary);
  }
  return names.map((name) => `${basename(name, '.ipynb')}.html`);
}
