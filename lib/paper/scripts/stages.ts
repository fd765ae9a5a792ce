/**
 * Parts of a profile's grid, for a computer that is there for minutes: stages one after the other, each several runs at
 * a time, on the networks that are named. What the store has is not computed again; stopped, it goes on where it was.
 *
 *     node --conditions=oabn-source --import tsx lib/paper/scripts/stages.ts networks ptq qat [--profile paper]
 *       [--pretraining 'BN, decay of kernels and γ;OABN'] [--threshold 0.5] [--seeds 1,2] [--bits 4,3] [--runs runs]
 *       [--workers 4] [--minutes 9]
 *
 * networks  in the ways to pretrain that are named (pretrainingRivals), separated by semicolons; s is OABN's
 * ptq       uniform quantization after training to the profile's bits
 * qat       uniform QAT and ClusterQAT to --bits
 *
 * OABN_PRECISION and OABN_DATA_DIR as for `oabn reproduce`. A large GPU takes several runs at a time; one leaves it idle.
 * Ends with 75 when runs are left.
 */
import { parseArgs } from 'node:util';
import { check, formatDuration } from 'oabn-base';
import { labOptions, untilDeadline } from 'oabn/cli';
import {
  describeConfig,
  finetuneConfig,
  hashOf,
  type Job,
  type Lab,
  type PretrainConfig,
  ptqConfig,
  run,
  runAll,
  type RunConfig,
} from 'oabn/experiment';
import { asCommand } from '../../base/scripts/program.js';
import { openPaperLab } from '../src/profiles/index.js';
import { pretrainingRivals, rivalNetwork } from '../src/studies/index.js';

const stages = ['networks', 'ptq', 'qat'] as const;
type Stage = (typeof stages)[number];

const numbers = (text: string): number[] => text.split(',').map(Number);

/** A line for each run that is done. */
async function sayResults({ store }: Lab, jobs: readonly Job[]): Promise<void> {
  const done = new Set((await store.list()).flatMap(({ hash, status }) => (status === 'done' ? [hash] : [])));
  for (const { lab, config } of jobs) {
    if (!done.has(hashOf(config))) continue;
    const { hash, result } = await run(lab, config);
    const { accuracy } = result as { readonly accuracy: number };
    console.log(`${hash} ${(100 * accuracy).toFixed(2).padStart(6)}%  ${describeConfig(config)}`);
  }
}

const elapsed = (began: number): string => formatDuration((performance.now() - began) / 1000);

await asCommand('stages', async () => {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string' },
      pretraining: { type: 'string', default: 'BN, decay of kernels and γ;OABN' },
      threshold: { type: 'string' },
      seeds: { type: 'string' },
      bits: { type: 'string', default: '4,3' },
      runs: { type: 'string' },
      workers: { type: 'string', default: '1' },
      minutes: { type: 'string' },
    },
  });
  const chosen = stages.filter((stage) => positionals.includes(stage));
  check(
    chosen.length > 0 && chosen.length === positionals.length,
    `Name stages among ${stages.join(', ')}, got ${positionals.join(' ') || 'none'}`,
  );
  const ways = flags.pretraining.split(';');
  for (const way of ways)
    check(
      way in pretrainingRivals,
      `--pretraining knows ${Object.keys(pretrainingRivals).join('; ')}, not ${way}`,
    );
  const { runs, minutes, profile } = flags;
  // Results that ship have no networks, and the stages after the first start from networks.
  const lab = await openPaperLab({
    ...labOptions({ ...(runs !== undefined && { runs }), ...(minutes !== undefined && { minutes }) }),
    ...(profile !== undefined && { profile }),
    shipped: false,
  });
  const { ablation, seeds: all, ptqBits } = lab.profile;
  const threshold = flags.threshold === undefined ? ablation.threshold : Number(flags.threshold);
  const seeds = flags.seeds === undefined ? all : numbers(flags.seeds);
  const networks = seeds.flatMap((seed) =>
    ways.map((pretraining) => rivalNetwork(lab, { pretraining, threshold, seed })),
  );
  const configs: Readonly<Record<Stage, (source: PretrainConfig) => RunConfig[]>> = {
    networks: (source) => [source],
    ptq: (source) => ptqBits.map((bits) => ptqConfig(lab, { source, bits })),
    qat: (source) =>
      numbers(flags.bits).flatMap((bits) =>
        (['cluster', 'uniform'] as const).map((weights) => finetuneConfig(lab, { source, bits, weights })),
      ),
  };
  const began = performance.now();
  for (const stage of chosen) {
    const jobs = networks.flatMap(configs[stage]).map((config) => ({ lab, config }));
    // Each result as it comes: where one fails, the others have been said.
    const runs = await untilDeadline(
      () =>
        runAll(jobs, {
          workers: Number(flags.workers),
          onComputed: (config, done, total) =>
            console.log(`${elapsed(began)} [${stage} ${done}/${total}] ${describeConfig(config)}`),
        }),
      jobs,
    ).finally(() => sayResults(lab, jobs));
    if (!runs) return;
  }
});
