/** `oabn runs`: the runs of a store, wherever it is: listed, shown, compared, exported, deleted. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { check, formatDuration, tableText, writeFileAtomic } from 'oabn-base';
import { jsonOption, percent, print } from 'oabn/cli';
import type { RunEntry } from 'provable-runs';
import { csvText, fieldsOf } from 'provable-runs/remote';
import { type Curves, comparisonPage, differences, differencesText } from './comparison.js';
import {
  chosenRuns,
  factsOf,
  openReader,
  placeOptions,
  type RunsOptions,
  runsWhere,
  titleOf,
  whereOption,
} from './open.js';

interface ListOptions extends RunsOptions {
  readonly csv?: boolean;
}

interface CompareOptions extends ListOptions {
  readonly html?: string;
}

export function addRuns(program: Command): void {
  const runs = program
    .command('runs')
    .description('the runs in a store: this machine’s, a shared folder’s or a bucket’s');
  const command = (name: string, description: string, example: string): Command => {
    const added = runs.command(name).description(description);
    for (const option of placeOptions) added.addOption(option);
    return added.addHelpText('after', `\nExample:\n  $ oabn runs ${example}`);
  };
  const csv = ['--csv', 'all fields as CSV on standard output'] as const;

  command(
    'list',
    'list all runs, or those that meet conditions',
    'list --where kind=pretrain training.seed=1',
  )
    .addOption(whereOption)
    .option(...csv)
    .addOption(jsonOption)
    .action(async (options: ListOptions) => {
      const entries = await runsWhere(await openReader(options), options.where);
      if (options.csv) return void process.stdout.write(csvText(entries.map(factsOf)));
      print(entries.map(factsOf), listText(entries), options.json);
    });

  command('show <hash>', 'show everything about a run, given the first digits of its hash', 'show 3f2a')
    .addOption(jsonOption)
    .action(async (hash: string, options: RunsOptions) => {
      const reader = await openReader(options);
      const entry = await reader.find(hash);
      const metrics = await reader.metrics(entry.hash);
      print({ ...entry, metrics }, showText({ entry, metrics }), options.json);
    });

  command(
    'compare [hashes...]',
    'show in which fields runs differ, and their curves',
    'compare --where kind=pretrain --html curves.html',
  )
    .addOption(whereOption)
    .option('--html <file>', 'also write a page with the curves of all metrics')
    .option(...csv)
    .addOption(jsonOption)
    .action(async (hashes: string[], options: CompareOptions) => {
      const reader = await openReader(options);
      const entries = await chosenRuns(reader, hashes, options.where);
      check(entries.length > 0, 'No runs match; see oabn runs list');
      const rows = differences(entries);
      if (options.csv) process.stdout.write(csvText(rows));
      else print(rows, differencesText(rows), options.json);
      if (options.html === undefined) return;
      const curves = await Promise.all(
        entries.map(async (entry) => ({ entry, metrics: await reader.metrics(entry.hash) })),
      );
      await writeFileAtomic(resolve(options.html), await comparisonPage(curves, differencesText(rows)));
      process.stderr.write(`The curves: ${resolve(options.html)}\n`);
    });

  command('rm [hashes...]', 'delete runs', 'rm --where status=failed')
    .addOption(whereOption)
    .action(async (hashes: string[], options: RunsOptions) => {
      check(hashes.length > 0 || options.where, 'Say which runs: by their hashes, or by --where');
      const reader = await openReader(options);
      const entries = await chosenRuns(reader, hashes, options.where);
      for (const { hash, config } of entries) {
        await reader.remove(hash);
        process.stderr.write(`deleted ${hash} ${titleOf(config)}\n`);
      }
    });

  command(
    'export <folder> [hashes...]',
    'write results with their provenance, one small file per run',
    'export results --where status=done',
  )
    .addOption(whereOption)
    .action(async (folder: string, hashes: string[], options: RunsOptions) => {
      const reader = await openReader(options);
      const entries = (await chosenRuns(reader, hashes, options.where)).filter(
        ({ status }) => status === 'done',
      );
      for (const { hash } of entries) await reader.export(hash, resolve(folder));
      process.stderr.write(`${entries.length} finished runs in ${resolve(folder)}\n`);
    });
}

/** A line a run; why runs failed has a column where any did. */
export function listText(entries: readonly RunEntry[]): string {
  if (entries.length === 0) return 'No runs.';
  const anyFailed = entries.some(({ error }) => error !== undefined);
  return tableText(
    entries.map(({ hash, status, config, step, from, provenance, result, error = '' }) => ({
      run: hash.slice(0, 8),
      what: titleOf(config),
      data: dataOf(config),
      accuracy: accuracyOf(result),
      status: from === 'shipped' ? 'shipped' : status,
      step: status === 'done' ? '' : (step ?? ''),
      took: provenance?.wallSeconds === undefined ? '' : formatDuration(provenance.wallSeconds),
      on: provenance?.backend ?? '',
      ...(anyFailed && { failure: error.trim().split('\n')[0]! }),
    })),
  );
}

/** The name of the data, in the configuration itself or in that of the network that it starts from. */
function dataOf(config: unknown): string {
  const [, name] = Object.entries(fieldsOf(config)).find(([path]) => /(^|\.)data\.name$/.test(path)) ?? [];
  return typeof name === 'string' ? name : '';
}

function accuracyOf(result: unknown): string {
  const { accuracy } = (result ?? {}) as { readonly accuracy?: unknown };
  return typeof accuracy === 'number' ? percent(accuracy) : '';
}

function showText({ entry, metrics }: Curves): string {
  const { provenance, result, config } = entry;
  const last = metrics.at(-1);
  return [
    `${entry.hash} · ${titleOf(config)} · ${entry.status}${entry.error === undefined ? '' : `: ${entry.error}`}`,
    entry.folder,
    `configuration ${JSON.stringify(config, null, 2)}`,
    ...(result === undefined ? [] : [`result ${JSON.stringify(result, null, 2)}`]),
    ...(provenance ? [`provenance ${JSON.stringify(provenance, null, 2)}`] : []),
    ...(last ? [`${metrics.length} rows of metrics, the last: ${JSON.stringify(last)}`] : []),
  ].join('\n\n');
}
