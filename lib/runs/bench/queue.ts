/**
 * What the queue costs, with runs that sleep instead of compute, on a real Redis and a real bucket, over
 * hosts that are network namespaces. Needs root, `ip`, Redis and SeaweedFS. Everything is kept below TMPDIR;
 * with it in memory, the disk is not measured:
 *
 *     node --conditions=oabn-source --import tsx lib/runs/bench/queue.ts [--only overhead,killed] [--out file.json]
 *
 * - overhead: milliseconds of a worker for a run that does nothing, in the queue and in the local pool;
 * - efficiency at 1, 2, 4, 8 workers: the time that the sleeping takes by itself ÷ the time that it took;
 * - many: 10,000 tiny runs from end to end, and the memory of everyone who takes part;
 * - killed: the time that is lost for each worker that is killed with -9;
 * - away: a sweep whose bucket is away for a minute.
 */
import { availableParallelism, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { tableText, writeJsonAtomic } from 'oabn-base';
import { packageVersions } from '../src/store/index.js';
import { beginProvenance } from '../src/store/provenance.js';
import { bucketAway } from './away.js';
import { efficiencyAt } from './efficiency.js';
import { lostToKills } from './killed.js';
import { manyRuns } from './many.js';
import { overheadOf } from './overhead.js';
import { openSite, type Site } from './site.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'overhead,efficiency,many,killed,away' },
    runs: { type: 'string', default: '10000' },
    out: { type: 'string' },
  },
});

type Row = Readonly<Record<string, string | number>>;

const measurements: Readonly<Record<string, (site: Site) => Promise<readonly object[]>>> = {
  overhead: (site) => overheadOf(site, 300, [1, 2]),
  efficiency: (site) => efficiencyAt(site, [1, 2, 4, 8]),
  many: (site) => manyRuns(site, Number(flags.runs), 4),
  killed: (site) => lostToKills(site, 4),
  away: (site) => bucketAway(site, 4),
};

const provenance = await beginProvenance(
  { device: `${availableParallelism()} cores for all hosts, servers and workers; files in ${tmpdir()}` },
  packageVersions({ bullmq: 'bullmq', ioredis: 'ioredis', aws4fetch: 'aws4fetch' }, import.meta.url),
  undefined,
);
const site = await openSite(8);
try {
  const results: Record<string, readonly object[]> = {};
  for (const name of flags.only.split(',')) {
    results[name] = await measurements[name]!(site);
    process.stdout.write(`${name}\n${tableText(results[name] as Row[])}\n\n`);
    // After each, as all of it takes a quarter of an hour.
    if (flags.out !== undefined) await writeJsonAtomic(flags.out, { ...provenance, ...results });
  }
} finally {
  await site.close();
}
