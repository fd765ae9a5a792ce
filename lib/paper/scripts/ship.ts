/**
 * Ships what exists so far of an unfinished profile: the results of finished runs go to
 * `data/results/runs`, where notebooks find them; the claims that they allow are judged and stored, and the
 * README's pictures are drawn anew, with its board if that is of this profile. Nothing is trained. A finished profile
 * is shipped by `oabn reproduce --write`.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/ship.ts --runs runs [--profile desk]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from 'oabn-base';
import { hashOf } from 'oabn/experiment';
import { openStore } from 'provable-runs';
import { figurePng } from 'tslab-kernel/picture';
import { bitsFigure, seedsFigure } from '../src/figures/index.js';
import { describeScale, openLabs, profiles, shippedFolder } from '../src/profiles/index.js';
import { claimsText, updateReadme } from '../src/report/index.js';
import {
  boardOf,
  claimsSoFar,
  imagenetClaimsSoFar,
  lowBitStudy,
  mainJob,
  measureC12,
  outlierStudy,
  readVerdicts,
  rivalStudy,
  seedsText,
  shippedRows,
  shippedStudy,
  shippedVerdicts,
  shipVerdictsSoFar,
  studyJobs,
  thresholdStudy,
} from '../src/studies/index.js';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: 'runs' }, profile: { type: 'string', default: 'desk' } },
});
const labs = await openLabs({ profile: flags.profile, shipped: false, runs: flags.runs });
const store = openStore(flags.runs);
const done = new Set((await store.list()).filter((run) => run.status === 'done').map(({ hash }) => hash));
const wanted = [...mainJob(labs), ...studyJobs(labs.cifar, [outlierStudy(), rivalStudy()])].map(
  ({ config }) => hashOf(config),
);
const shipped = [...new Set(wanted)].filter((hash) => done.has(hash));
for (const hash of shipped) await store.export(hash, shippedFolder());
console.log(`${shipped.length} of ${new Set(wanted).size} runs of ${flags.profile} are there and ship`);

const [sweep, cells] = [
  await shippedRows(labs.cifar, thresholdStudy()),
  await shippedRows(labs.cifar, lowBitStudy()),
];
const claims = [...(await claimsSoFar(labs, shippedRows)), await measureC12(labs.cifar)];
const onImagenet = await imagenetClaimsSoFar(labs, shippedRows);
const rows = { there: sweep.there + cells.there, of: sweep.of + cells.of };
await shipVerdictsSoFar(labs, { claims, onImagenet, rows });
const board = boardOf(readVerdicts(shippedVerdicts(flags.profile)));
await updateReadme(flags.profile, { sweep: sweep.rows, cells: cells.rows, claims: board });
const { threshold } = labs.cifar.profile.ablation;
const source = `${describeScale(labs.cifar)}${seedsText(sweep.rows)}`;
const picture = await figurePng(bitsFigure({ rows: sweep.rows, source }, { cells: cells.rows, threshold }));
if (picture) await writeFileAtomic(join(shippedFolder(), '..', `bits-${flags.profile}.png`), picture);
const atSize = await shippedStudy(thresholdStudy(), { profiles: [profiles.paper] });
const seeds = await figurePng(
  seedsFigure(atSize, { title: 'RepVGG-A0 from three seeds, quantized after training' }),
);
if (seeds) await writeFileAtomic(join(shippedFolder(), '..', 'seeds-paper.png'), seeds);
console.log(claimsText(board));
process.exit(0);
