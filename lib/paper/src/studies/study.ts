/**
 * A study is a value: its cells in a profile, the run behind a cell, and the row that the run's result
 * becomes. Everything else follows from that value and is written once, here: running it, listing its runs,
 * and stating where its rows come from. A study with other cells is another value:
 *
 *     const study = lowBitStudy({ bits: [3] });
 *     const mine = { ...study, cells: () => [{ threshold: 0.7, seed: 1, bits: 3, method: 'clusterQat' }] };
 *     const { rows } = await runStudy(lab, mine);
 */
import {
  hashOf,
  type Job,
  pretrainConfig,
  type PretrainConfig,
  type PretrainResult,
  type PtqConfig,
  type FinetuneConfig,
  type ResultOf,
  run,
  type RunConfig,
  sourceOf,
} from 'oabn/experiment';
import type { Row as TableRow } from 'oabn-base';
import type { Estimate } from '../claims/index.js';
import { describeScale, type PaperLab, type Profile } from '../profiles/index.js';

/** The configuration of a run that makes a quantized network. */
export type QuantizedConfig = PtqConfig | FinetuneConfig;

/** A study: its cells in a profile, the run behind a cell, and the row that the run's result becomes. */
export interface Study<Cell, Row, Config extends RunConfig = QuantizedConfig> {
  readonly name: string;
  /**
   * The cells in the order of the rows; cells whose runs compile the same functions are next to each other.
   */
  cells(profile: Profile): readonly Cell[];
  /** The configuration of the run behind a cell. */
  config(cell: Cell, lab: PaperLab): Config;
  /**
   * The row of a cell. `network` is the result of the pretraining run behind the run, or of the run itself.
   */
  row(cell: Cell, result: ResultOf<Config>, network: PretrainResult): Row;
  /** What a row contributes to the study's table; absent if there is no table. */
  entries?(row: Row): readonly Entry[];
}

/** A value and where it belongs. */
export interface Entry {
  /** The headings of the row. */
  readonly line: TableRow;
  readonly column: string;
  /** What the value belongs to, such as a seed: the same place with the same sample is the same value. */
  readonly sample: number | string;
  readonly value: number;
  /** Default as a percentage. */
  readonly format?: (values: Estimate) => string | number;
  /** Whether it goes into the last columns, whatever is named first. */
  readonly last?: boolean;
}

/**
 * A study whatever its cells and rows are, for lists of studies: cells go from one member of a study to
 * another, unseen.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as said
export type AnyStudy = Study<any, unknown, any>;

/** The rows of a study, and where they come from. */
export interface StudyResult<Row> {
  readonly study: Pick<Study<never, Row, never>, 'name' | 'entries'>;
  readonly rows: readonly Row[];
  /** Where the rows come from, as figures say it: profile, data, scale and seeds. */
  readonly source: string;
}

/** The rows of a study; whatever the lab's store does not have is computed. */
export async function runStudy<Cell, Row, Config extends RunConfig>(
  lab: PaperLab,
  study: Study<Cell, Row, Config>,
): Promise<StudyResult<Row>> {
  const cells = study.cells(lab.profile);
  const rows: Row[] = [];
  for (const cell of cells) rows.push(await rowOf(lab, study, cell));
  return { study, rows, source: `${describeScale(lab)}${seedsText(cells)}` };
}

/**
 * « · 2 seeds», of cells that have any; « · 1 to 3 seeds» where some networks were trained with fewer seeds
 * than others.
 */
export function seedsText(cells: readonly unknown[]): string {
  const seedsOf = new Map<string, Set<number>>();
  for (const cell of cells) {
    const { seed, threshold, network, pretraining } = cell as SeededCell;
    if (seed === undefined) continue;
    const key = `${network} ${threshold} ${pretraining}`;
    seedsOf.set(key, (seedsOf.get(key) ?? new Set<number>()).add(seed));
  }
  const counts = [...seedsOf.values()].map(({ size }) => size);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (counts.length === 0) return '';
  return ` · ${least < most ? `${least} to ` : ''}${most === 1 ? '1 seed' : `${most} seeds`}`;
}

/** What tells networks apart in the cells of the studies whose networks have different numbers of seeds. */
interface SeededCell {
  readonly seed?: number;
  readonly threshold?: number;
  readonly network?: string;
  /** The name of a rival. */
  readonly pretraining?: string;
}

/** The row of one cell; its run is computed if the lab's store does not have it. */
export async function rowOf<Cell, Row, Config extends RunConfig>(
  lab: PaperLab,
  study: Study<Cell, Row, Config>,
  cell: Cell,
): Promise<Row> {
  const config = study.config(cell, lab);
  const { result } = await run(lab, config);
  const source = sourceOf(config);
  const network = source?.kind === 'pretrain' ? (await run(lab, source)).result : result;
  return study.row(cell, result, network as PretrainResult);
}

/**
 * The runs behind studies in one lab, each once, networks first. Their priorities let a plan that is computed in
 * pieces begin with what the claims compare: seed by seed, plain BN and the ablation's s before other networks.
 */
export function studyJobs(lab: PaperLab, studies: readonly AnyStudy[]): Job[] {
  const configs = studies.flatMap((study) =>
    study.cells(lab.profile).map((cell: unknown) => study.config(cell, lab) as RunConfig),
  );
  const networks = configs.flatMap((config): PretrainConfig[] => {
    const source = sourceOf(config);
    return source?.kind === 'pretrain' ? [source] : [];
  });
  const priorityOf = prioritiesIn(lab);
  const jobs = [...networks, ...configs].map((config): [string, Job] => [
    hashOf(config),
    { lab, config, priority: priorityOf(config) },
  ]);
  return [...new Map(jobs).values()];
}

function prioritiesIn(lab: PaperLab): (config: RunConfig) => number {
  const { seeds, ablation } = lab.profile;
  const compared = new Set(
    seeds.flatMap((seed) =>
      [Infinity, ablation.threshold].map((threshold) => hashOf(pretrainConfig(lab, { threshold, seed }))),
    ),
  );
  return (config) => {
    const network = config.kind === 'pretrain' ? config : sourceOf(config);
    if (network?.kind !== 'pretrain') return 0;
    const at = seeds.indexOf(network.training.seed);
    return 2 * (at < 0 ? seeds.length : at) + (compared.has(hashOf(network)) ? 0 : 1);
  };
}

/** Every pair of a seed and one of `thresholds`, seed by seed; those in `once` with the first seed only. */
export function networksOf(
  seeds: readonly number[],
  thresholds: readonly number[],
  once: readonly number[] = [],
): { seed: number; threshold: number }[] {
  return seeds.flatMap((seed, i) =>
    thresholds
      .filter((threshold) => i === 0 || !once.includes(threshold))
      .map((threshold) => ({ seed, threshold })),
  );
}
