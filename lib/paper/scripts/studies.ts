/**
 * Computes studies of a profile, or a part of them, which notebooks show once they ship. What the store has, or ships, is not
 * computed again; --again computes what ships, too.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/studies.ts ablations lowBit
 *       [--profile desk] [--side imagenet] [--grid '{"seeds":[1],"bits":[4,3],"thresholds":[0.5,null]}'] [--jobs 2]
 *       [--runs runs] [--again] [--plan]
 *
 * In a grid `null` is an s of ∞. --plan only says which runs there are, and which of them the store has.
 */
import { parseArgs } from 'node:util';
import { check, consoleProgress } from 'oabn-base';
import { describeConfig, hashOf, runAll } from 'oabn/experiment';
import { openImagenetLab, openPaperLab } from '../src/profiles/index.js';
import {
  ablationStudy,
  type AnyStudy,
  firstEpochStudy,
  lowBitStudy,
  outlierStudy,
  ptqStudy,
  rivalStudy,
  studyJobs,
  thresholdStudy,
} from '../src/studies/index.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: 'string', default: 'desk' },
    side: { type: 'string', default: 'cifar' },
    grid: { type: 'string', default: '{}' },
    jobs: { type: 'string', default: '2' },
    runs: { type: 'string' },
    again: { type: 'boolean', default: false },
    plan: { type: 'boolean', default: false },
  },
});
const grid = JSON.parse(flags.grid, (name, value: unknown) =>
  name === 'thresholds' ? (value as (number | null)[]).map((s) => s ?? Infinity) : value,
) as object;
const known: Readonly<Record<string, () => AnyStudy>> = {
  ablations: () => ablationStudy(grid),
  firstEpoch: () => firstEpochStudy,
  lowBit: () => lowBitStudy(grid),
  outliers: () => outlierStudy(grid),
  ptq: () => ptqStudy(grid),
  rivals: () => rivalStudy(grid),
  threshold: () => thresholdStudy(grid),
};
for (const name of positionals)
  check(Object.hasOwn(known, name), () => `Studies are ${Object.keys(known).join(', ')}, got ${name}`);
check(positionals.length > 0, () => `Name studies: ${Object.keys(known).join(', ')}`);

const open = flags.side === 'imagenet' ? openImagenetLab : openPaperLab;
const lab = await open({
  ...{ profile: flags.profile, shipped: !flags.again, progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const jobs = studyJobs(
  lab,
  positionals.map((name) => known[name]!()),
);
if (flags.plan) {
  const entries = await lab.store.list();
  const done = new Set(entries.flatMap(({ hash, status }) => (status === 'done' ? [hash] : [])));
  for (const { config } of jobs)
    console.log(`${hashOf(config)} ${done.has(hashOf(config)) ? 'done' : '    '} ${describeConfig(config)}`);
} else {
  await runAll(jobs, {
    workers: Number(flags.jobs),
    onComputed: (config, done, total) =>
      console.log(
        `${new Date().toISOString()} [${done}/${total}] ${hashOf(config)} ${describeConfig(config)}`,
      ),
  });
}
process.exit(0);
