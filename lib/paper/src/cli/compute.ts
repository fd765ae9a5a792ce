/**
 * `oabn compute`: a part of a profile's grid, for a machine that is there for minutes, such as a GPU that is lent.
 * `reproduce` computes all of it.
 */
import { type Command, Option } from 'commander';
import { check, consoleProgress } from 'oabn-base';
import {
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  minutesOption,
  precisionOption,
  print,
  runsOption,
  threshold as thresholdOf,
  untilDeadline,
  wholeNumber,
} from 'oabn/cli';
import {
  describeConfig,
  finetuneConfig,
  hashOf,
  type Job,
  type PretrainConfig,
  ptqConfig,
  run,
  runAll,
  type RunConfig,
} from 'oabn/experiment';
import type { PaperLab } from '../profiles/index.js';
import { finetuningGrounds, pretrainingRivals, rivalNetwork } from '../studies/index.js';
import { sayBesideBar } from './executeNotebooks.js';
import { jobsOption, labOfProfile, profileOption, runsAtOnce } from './options.js';

const stages = ['networks', 'ptq', 'qat'] as const;
type Stage = (typeof stages)[number];

interface ComputeOptions extends CommonOptions {
  readonly pretraining: readonly string[];
  readonly seeds?: string;
  readonly bits: string;
  readonly jobs?: string;
}

export function addCompute(program: Command): void {
  program
    .command('compute')
    .description('compute a part of the grid of a profile: networks, and their quantization')
    .argument('<stages...>', `what to compute: ${stages.join(', ')}`)
    .addOption(profileOption)
    .addOption(
      new Option('--pretraining <names...>', 'ways to pretrain, of notebook 21').default(finetuningGrounds),
    )
    .option('-s, --threshold <s>', 'OABN’s s; default that of the profile’s ablations')
    .option('--seeds <list>', 'such as 1,2; default those of the profile')
    .option('--bits <list>', 'to fine-tune to', '4,3')
    .addOption(dataOption)
    .addOption(runsOption)
    .addOption(jobsOption)
    .addOption(minutesOption)
    .addOption(eagerOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
networks are pretrained, ptq quantizes them to the profile's bits after training, qat fine-tunes them to --bits with uniform QAT and ClusterQAT. A
large GPU takes several runs at a time, which one does not fill. What the store has is not computed again; a run that fails does not
keep the others from being computed.

Examples:
  $ oabn compute networks ptq qat --profile paper --seeds 1,2 --jobs 4 --precision float16 --minutes 9
  $ oabn compute networks ptq --pretraining 'KURE on the merged kernels' 'R² on the merged kernels' --profile desk`,
    )
    .action(async (words: readonly string[], options: ComputeOptions) => {
      const chosen = stagesOf(words);
      for (const way of options.pretraining)
        check(
          Object.hasOwn(pretrainingRivals, way),
          `--pretraining must be among ${Object.keys(pretrainingRivals).join('; ')}, got ${way}`,
        );
      const lab = await labOfProfile(options);
      const jobsOf = planOf(lab, options);
      const all = chosen.flatMap(jobsOf);
      try {
        await untilDeadline(async () => {
          for (const stage of chosen) await computeStage(stage, jobsOf(stage), options);
        }, all);
      } finally {
        const rows = await resultsOf(all);
        print(rows, rows.map(lineOf).join('\n'), options.json);
      }
    });
}

/** The stages in the order in which they need one another. @throws UserError for another word */
function stagesOf(words: readonly string[]): Stage[] {
  const other = words.find((word) => !(stages as readonly string[]).includes(word));
  check(other === undefined, () => `Stages are ${stages.join(', ')}, got ${other}`);
  return stages.filter((stage) => words.includes(stage));
}

/** The jobs of each stage on the networks that the options name. */
function planOf(lab: PaperLab, options: ComputeOptions): (stage: Stage) => Job[] {
  const { ablation, seeds: all, ptqBits } = lab.profile;
  const threshold = options.threshold === undefined ? ablation.threshold : thresholdOf(options.threshold);
  const seeds = options.seeds === undefined ? all : wholeNumbers('--seeds', options.seeds, 0);
  const bits = wholeNumbers('--bits', options.bits, 2);
  const networks = seeds.flatMap((seed) =>
    options.pretraining.map((pretraining) => rivalNetwork(lab, { pretraining, threshold, seed })),
  );
  const configs: Readonly<Record<Stage, (source: PretrainConfig) => RunConfig[]>> = {
    networks: (source) => [source],
    ptq: (source) => ptqBits.map((b) => ptqConfig(lab, { source, bits: b })),
    qat: (source) =>
      bits.flatMap((b) =>
        (['cluster', 'uniform'] as const).map((weights) => finetuneConfig(lab, { source, bits: b, weights })),
      ),
  };
  return (stage) => networks.flatMap(configs[stage]).map((config) => ({ lab, config }));
}

async function computeStage(
  stage: Stage,
  jobs: readonly Job[],
  { jobs: asked }: ComputeOptions,
): Promise<void> {
  const workers = runsAtOnce(asked, [jobs[0]!.lab]);
  await runAll(jobs, {
    workers,
    progress: consoleProgress(),
    onComputed: (config, done, total) =>
      sayBesideBar(`[${stage} ${done}/${total}] ${describeConfig(config)}`),
  });
}

interface ResultRow {
  readonly hash: string;
  readonly run: string;
  readonly accuracy: number;
}

/** The accuracy of each job that is done. */
async function resultsOf(jobs: readonly Job[]): Promise<ResultRow[]> {
  const rows: ResultRow[] = [];
  const entries = (await jobs[0]?.lab.store.list()) ?? [];
  const done = new Set(entries.flatMap(({ hash, status }) => (status === 'done' ? [hash] : [])));
  for (const { lab, config } of jobs) {
    if (!done.has(hashOf(config))) continue;
    const { hash, result } = await run(lab, config);
    rows.push({ hash, run: describeConfig(config), accuracy: (result as { accuracy: number }).accuracy });
  }
  return rows;
}

const lineOf = ({ hash, run: title, accuracy }: ResultRow): string =>
  `${hash} ${(100 * accuracy).toFixed(2).padStart(6)}%  ${title}`;

const wholeNumbers = (option: string, text: string, least: number): number[] =>
  text.split(',').map((part) => wholeNumber(option, part, least));
