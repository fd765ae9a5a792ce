/** How our runs are displayed in a notebook: by what was run. */
import { registerDisplay } from 'oabn-base';
import { isStoredRun, runSummary, type StoredRun } from 'provable-runs';
import { describeConfig, kinds, type RunConfig } from './kinds/index.js';

const isOurRun = (value: object): value is StoredRun<unknown, RunConfig> =>
  isStoredRun(value) && Object.hasOwn(kinds, String((value.config as { kind?: unknown } | null)?.kind));

registerDisplay('oabn: run', isOurRun, (run) => runSummary(run, describeConfig(run.config)));
