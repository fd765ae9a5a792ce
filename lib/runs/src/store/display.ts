/** How a run is displayed in a notebook: where it comes from, and its results. */
import { formatDuration, registerDisplay, type Row, type Summary } from 'oabn-base';
import type { StoredRun } from './store.js';

/** Whether a value is a finished run of a store. */
export const isStoredRun = (value: object): value is StoredRun => {
  const { hash, config, provenance, from } = value as Partial<StoredRun>;
  return (
    typeof hash === 'string' &&
    typeof config === 'object' &&
    typeof provenance === 'object' &&
    (from === 'computed' || from === 'store' || from === 'shipped')
  );
};

const origins = {
  computed: 'computed here',
  store: 'from the store',
  shipped: 'shipped with the project',
} as const;

/** The run called `name`: the single values of its result, and what it was computed on. */
export function runSummary({ hash, from, result, provenance }: StoredRun, name: string): Summary {
  const { backend, device, machine, wallSeconds, finishedAt } = provenance;
  const isPlain = (value: unknown): boolean => ['number', 'string', 'boolean'].includes(typeof value);
  const short = (value: unknown): unknown =>
    typeof value === 'string' && value.length > 60 ? `${value.slice(0, 57)}…` : value;
  const results =
    typeof result === 'object' && result !== null
      ? Object.entries(result).flatMap(([key, value]) =>
          isPlain(value)
            ? [[key, short(value)] as const]
            : Array.isArray(value)
              ? [[key, `${value.length} ${value.length === 1 ? 'entry' : 'entries'}`] as const]
              : [],
        )
      : [['result', short(result)] as const];
  const facts = [
    ['finished', finishedAt],
    ['took', wallSeconds === undefined ? undefined : formatDuration(wallSeconds)],
    ['on', [backend, device ?? machine?.cpu].filter(Boolean).join(', ') || undefined],
  ] as const;
  const rows: Row[] = [...results, ...facts]
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ '': key, value }));
  return { title: `${name} · run ${hash.slice(0, 12)}, ${origins[from]}`, rows };
}

registerDisplay('provable-runs: run', isStoredRun, (run) => runSummary(run, 'run'));
