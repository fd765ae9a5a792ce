/** Runs compared: in which fields they differ, their results, and their curves. */
import { type Row, tableText } from 'oabn-base';
import type { MetricsRow, RunEntry } from 'provable-runs';
import { type Notebook, plotlyMime } from 'tslab-kernel/run';
import { exportHtml } from 'tslab-kernel/html';
import { figureBundle } from 'tslab-kernel/display';
import { lineFigure } from '../../figures/index.js';
import { factsOf, titleOf } from './open.js';

/** A row a run, with the fields in which they differ, and their results. */
export function differences(entries: readonly RunEntry[]): Row[] {
  const facts = entries.map(factsOf);
  const names = [...new Set(facts.flatMap((each) => Object.keys(each)))];
  const differing = names.filter((name) => new Set(facts.map((each) => each[name])).size > 1);
  const shown = entries.length === 1 ? names : ['hash', ...differing.filter((name) => name !== 'hash')];
  return facts.map((each) => Object.fromEntries(shown.map((name) => [name, each[name] ?? ''])));
}

/** Where a result has a list, one value for each epoch or layer. */
const inList = /^result\..*\.\d+(\.|$)/;

/**
 * `differences` for people: a line a field, a column a run. The lists of results, thousands of numbers after a
 * long training, are only counted.
 */
export function differencesText(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== 'hash');
  const shown = names.filter((name) => !inList.test(name));
  const left = names.length - shown.length;
  const runs = rows.map((row) => [String(row.hash).slice(0, 8), row] as const);
  const table = shown.map((field) => ({
    field,
    ...Object.fromEntries(runs.map(([run, row]) => [run, cellOf(row[field])])),
  }));
  return [
    table.length > 0 ? tableText(table) : 'The runs do not differ.',
    ...(left > 0
      ? ['', `Of each epoch or layer, ${left} more fields differ: --csv and --json have them.`]
      : []),
  ].join('\n');
}

/** Fields of one run are of all kinds and sizes, so each has its own digits. */
function cellOf(value: unknown = ''): string {
  const isFraction = typeof value === 'number' && !Number.isInteger(value);
  return String(isFraction ? Number(value.toPrecision(6)) : value);
}

/** A run with its metrics. */
export interface Curves {
  readonly entry: RunEntry;
  readonly metrics: readonly MetricsRow[];
}

/** The names of the numbers that the runs logged, in the order of the first rows that have them. */
export function metricNames(curves: readonly Curves[]): string[] {
  const names = curves.flatMap(({ metrics }) =>
    metrics.flatMap((row) => Object.keys(row).filter((name) => typeof row[name] === 'number')),
  );
  return [...new Set(names)].filter((name) => name !== 'step' && name !== 'epoch');
}

/** A page with a table of the differences and a figure of each metric over the steps; it needs no network. */
export async function comparisonPage(curves: readonly Curves[], table: string): Promise<string> {
  const names = curves.map(({ entry }) => `${titleOf(entry.config)} (${entry.hash.slice(0, 6)})`);
  const cells: Notebook['cells'][number][] = [
    textCell('title', `# ${curves.length} runs compared`),
    textCell('table', `\`\`\`\n${table}\n\`\`\``),
  ];
  for (const metric of metricNames(curves)) {
    const figure = lineFigure({
      title: metric,
      subtitle: 'at each step that logged it',
      xTitle: 'step',
      yTitle: metric,
      series: curves.map(({ metrics }, i) => {
        const rows = metrics.filter((row) => typeof row[metric] === 'number');
        return {
          name: names[i]!,
          x: rows.map(({ step }) => step),
          y: rows.map((row) => row[metric] as number),
          markers: rows.length < 50,
        };
      }),
    });
    const bundle = await figureBundle(figure);
    cells.push({
      id: metric,
      cell_type: 'code',
      metadata: {},
      source: '',
      execution_count: null,
      outputs: [{ output_type: 'display_data', metadata: {}, data: { ...bundle, [plotlyMime]: figure } }],
    } as never);
  }
  return await exportHtml({ cells, metadata: {} }, { title: 'Runs compared' });
}

const textCell = (id: string, source: string): Notebook['cells'][number] => ({
  id,
  cell_type: 'markdown',
  metadata: {},
  source,
});
