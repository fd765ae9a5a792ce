/**
 * Where the numbers come from: a table of all runs behind a report, each with its hash, result, seed, time
 * and whole configuration, and the environments in which they were computed.
 */
import { canonicalJson } from 'oabn-base';
import {
  describeConfig,
  type PretrainResult,
  type QuantizedResult,
  type RunConfig,
  storedConfig,
} from 'oabn/experiment';
import { type RunProvenance, type StoredRun } from 'provable-runs';
import { escapeHtml, sortableTable } from 'tslab-kernel/display';

/** A finished run as `run` returns it. */
export type ReportRun = StoredRun<PretrainResult | QuantizedResult, RunConfig>;

/**
 * The runs as a table that, where scripts run, is sorted by a click on a heading and filtered by what is
 * typed.
 */
export function runsHtml(runs: readonly ReportRun[]): string {
  const heads = [
    { name: 'run', kind: 'text' },
    { name: 'what', kind: 'text' },
    { name: 'accuracy', kind: 'number' },
    { name: 'distinct weights', kind: 'number' },
    { name: 'seed', kind: 'number' },
    { name: 'seconds', kind: 'number' },
    { name: 'finished (UTC)', kind: 'text' },
    { name: 'data', kind: 'text' },
    { name: 'from', kind: 'text' },
    { name: 'configuration', kind: 'text' },
  ] as const;
  return `<div class="oabn-runs">
<p class="oabn-find" hidden><label>Filter <input type="search" autocomplete="off" placeholder="ClusterQAT s=0.5"></label> <span role="status">${runs.length} runs</span></p>
<div class="wide" tabindex="0" role="region" aria-label="All runs">${sortableTable(heads, runs.map(cellsOf), false)}</div>
</div>`;
}

/** The cells of a run, as HTML. */
function cellsOf({ hash, config, result, provenance, from }: ReportRun): string[] {
  const { seed, wallSeconds, finishedAt = '' } = provenance;
  return [
    `<code>${hash}</code>`,
    escapeHtml(describeConfig(config)),
    `${(100 * result.accuracy).toFixed(2)}%`,
    'stateSize' in result ? String(result.stateSize) : '',
    String(seed ?? ('training' in config ? config.training.seed : '')),
    wallSeconds === undefined ? '' : wallSeconds.toFixed(1),
    finishedAt.slice(0, 16).replace('T', ' '),
    escapeHtml(datasetName(provenance)),
    from,
    `<details><summary>JSON</summary><pre>${escapeHtml(canonicalJson(storedConfig(config)))}</pre></details>`,
  ];
}

/** Runs in the page: a row stays if it contains every word that is typed. */
const filterRows = `(box) => {
  const input = box.querySelector('input');
  const rows = [...box.querySelectorAll('tbody tr')];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
    const shown = rows.filter((row) => !row.hidden).length;
    box.querySelector('[role=status]').textContent = words.length === 0 ? rows.length + ' runs' : shown + ' of ' + rows.length + ' runs';
  });
  box.querySelector('.oabn-find').hidden = false;
}`;

/** For the page that the runs are on. */
export const runsScript = `for (const box of document.querySelectorAll('.oabn-runs')) (${filterRows})(box);`;

/** One list for each environment in which runs were computed: engine, device, machine, versions, commit. */
export function environmentsHtml(runs: readonly ReportRun[]): string {
  const groups = new Map<string, { count: number; seconds: number; facts: [string, string][] }>();
  for (const { provenance } of runs) {
    const facts = environmentFacts(provenance);
    const group = groups.get(JSON.stringify(facts)) ?? { count: 0, seconds: 0, facts };
    group.count++;
    group.seconds += provenance.wallSeconds ?? 0;
    groups.set(JSON.stringify(facts), group);
  }
  return [...groups.values()]
    .map(({ count, seconds, facts }) => {
      const runsText = `${count} ${count === 1 ? 'run' : 'runs'}, ${(seconds / 60).toFixed(1)} minutes of work`;
      const items = [...facts, ['computed here', runsText]].map(
        ([name, value]) => `<dt>${escapeHtml(name!)}</dt><dd>${escapeHtml(value!)}</dd>`,
      );
      return `<dl class="facts">\n${items.join('\n')}\n</dl>`;
    })
    .join('\n');
}

function environmentFacts({ backend, device, machine, versions, commit }: RunProvenance): [string, string][] {
  return [
    ['engine', backend ?? 'not recorded'],
    ['device', device ?? 'not recorded'],
    [
      'machine',
      `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB of memory, ${machine.system}`,
    ],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ...(commit === undefined ? [] : [['commit', commit] as [string, string]]),
  ];
}

const datasetName = ({ dataset }: RunProvenance): string =>
  (dataset as { dataset?: string } | undefined)?.dataset ?? '';
