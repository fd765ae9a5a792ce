/** `oabn reproduce`, the main job: the grid of a profile, then the notebooks, then the report. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, consoleProgress, formatDuration, writeFileAtomic } from '../base/index.js';
import {
  describeConfig,
  describeLab,
  estimate,
  formatPercent,
  formatThreshold,
  gridConfigs,
  type Lab,
  lowBitMethods,
  lowBitSweep,
  methodTitles,
  run,
  thresholdSweep,
} from '../experiment/index.js';
import { runNotebook } from '../notebook/index.js';
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
import { formatTable, print } from './output.js';

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
      const lab = await labOf(options);
      process.stderr.write(`${describeLab(lab)}\n`);
      await runGrid(lab);
      const tables = await resultTables(lab);
      if (!options.json) process.stdout.write(`\n${tables.text}\n`);
      const pages = options.notebooks ? await runNotebooks(lab, options) : [];
      const seconds = (performance.now() - began) / 1000;
      const report =
        pages.length > 0 ? await writeIndex(resolve(options.report), lab, pages, tables.text) : undefined;
      print(
        { profile: lab.profile.name, seconds, report, ...tables.json },
        `Done in ${formatDuration(seconds)}.${report ? ` The report: ${report}` : ''}`,
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

async function resultTables(lab: Lab): Promise<{ text: string; json: Record<string, unknown> }> {
  const [sweep, cells] = [await thresholdSweep(lab), await lowBitSweep(lab)];
  const { thresholds, lowBitThresholds, ptqBits, bits } = lab.profile;
  const sweepRows = thresholds.map((s) => {
    const at = sweep.filter(({ threshold }) => threshold === s);
    const quantized = ptqBits.map((b) => [
      `INT${b}`,
      formatPercent(estimate(at.map((point) => point.quantized[b]!))),
    ]);
    return {
      s: formatThreshold(s),
      FP32: formatPercent(estimate(at.map(({ fp32 }) => fp32))),
      ...Object.fromEntries(quantized),
    };
  });
  const cellRows = bits.flatMap((b) =>
    lowBitMethods.map((method) => {
      const columns = lowBitThresholds.map((s) => {
        const at = cells.filter((cell) => cell.bits === b && cell.method === method && cell.threshold === s);
        return [`s=${formatThreshold(s)}`, formatPercent(estimate(at.map(({ accuracy }) => accuracy)))];
      });
      return { bits: b, method: methodTitles[method], ...Object.fromEntries(columns) };
    }),
  );
  const text = [
    `Accuracy over s, uniform PTQ (figure 7a) · ${describeLab(lab)}`,
    formatTable(sweepRows),
    '',
    'Low bits: accuracy by method and s (table 5)',
    formatTable(cellRows),
  ].join('\n');
  return { text, json: { sweep, cells } };
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

/** The report's first page: the tables, and a link to each notebook. */
async function writeIndex(
  folder: string,
  lab: Lab,
  pages: readonly string[],
  tables: string,
): Promise<string> {
  const links = pages
    .map((page) => `<li><a href="${page}">${page.replace('.html', '').replaceAll('-', ' ')}</a></li>`)
    .join('\n');
  const escaped = tables.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const path = join(folder, 'index.html');
  await writeFileAtomic(
    path,
    `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>OABN · report</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; font-size: 13px; }
</style></head><body>
<h1>Outlier-aware training for low-bit quantization of RepVGG</h1>
<p>${describeLab(lab)}</p>
<ul>
${links}
</ul>
<pre>${escaped}</pre>
</body></html>
`,
  );
  return path;
}
