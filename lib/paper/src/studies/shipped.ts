/**
 * What ships with the project: the rows of a study from the results in `data/results/runs`, with nothing
 * computed and no data needed. They come from the best profile that has any, and say how many of its runs are
 * available.
 *
 *     const best = await shippedStudy(thresholdStudy());
 *     figure(thresholdFigure(best)); // «profile desk · CIFAR-10 … · as shipped (24 of 30 rows)»
 */
import { check, configHash } from 'oabn-base';
import { type Dataset, datasetTitle } from 'oabn/data';
import type { PretrainConfig, RunConfig } from 'oabn/experiment';
import { openStore, type RunEntry } from 'provable-runs';
import {
  onImagenet,
  type PaperLab,
  type Profile,
  profiles as all,
  shippedFolder,
} from '../profiles/index.js';
import { rowOf, seedsText, type Study, type StudyResult } from './study.js';

/** Which results are looked for, and where. */
export interface ShippedOptions {
  /** Default the CIFAR-10 side. */
  readonly side?: 'cifar' | 'imagenet';
  /** Default all, from the best one on. */
  readonly profiles?: readonly Profile[];
  /** Default the project's. */
  readonly folder?: string;
}

/** The rows of a study that ship with the project, and the profile that they belong to. */
export interface ShippedResult<Row> extends StudyResult<Row> {
  readonly profile: Profile;
  /** How many rows there are, out of all that the study has in the profile. */
  readonly there: number;
  readonly of: number;
}

/**
 * The rows so far of a study in a lab's own profile; none where nothing of it ships.
 */
export async function shippedRows<Cell, Row, Config extends RunConfig>(
  { profile }: Pick<PaperLab, 'profile'>,
  study: Study<Cell, Row, Config>,
): Promise<Pick<ShippedResult<Row>, 'rows' | 'there' | 'of'>> {
  const cells = study.cells(profile);
  const lab = shippedLab(profile, await shippedResults(shippedFolder()));
  const rows = lab ? await rowsThere(lab, study, cells) : [];
  return { rows, there: rows.length, of: cells.length };
}

async function rowsThere<Cell, Row, Config extends RunConfig>(
  lab: PaperLab,
  study: Study<Cell, Row, Config>,
  cells: readonly Cell[],
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const cell of cells) {
    const row = await rowOf(lab, study, cell).catch(unlessNotShipped);
    if (row !== undefined) rows.push(row as Row);
  }
  return rows;
}

/** From the best one on: the one with the best networks. */
const bestFirst: readonly Profile[] = [all.full, all.paper, all.desk, all.quick];

/**
 * The rows of a study that ship: of the best profile that has more than a third of them, or else of the one
 * that has the largest share.
 * @throws UserError where no profile has any
 */
export async function shippedStudy<Cell, Row, Config extends RunConfig>(
  study: Study<Cell, Row, Config>,
  { side = 'cifar', profiles = bestFirst, folder = shippedFolder() }: ShippedOptions = {},
): Promise<ShippedResult<Row>> {
  const shipped = await shippedResults(folder);
  let best: ShippedResult<Row> | undefined;
  for (const whole of profiles) {
    const profile = side === 'imagenet' ? onImagenet(whole) : whole;
    const lab = shippedLab(profile, shipped);
    if (!lab) continue;
    const cells = study.cells(profile);
    const rows = await rowsThere(lab, study, cells);
    const counts = { there: rows.length, of: cells.length };
    const found = { study, rows, profile, ...counts, source: describe(lab, rows, counts) };
    if (3 * found.there > found.of) return found;
    if (found.there * (best?.of ?? 1) > (best?.there ?? 0) * found.of) best = found;
  }
  check(best, `No results of «${study.name}» ship with the project (${folder}); run it in a lab instead`);
  return best;
}

class NotShipped extends Error {}

function unlessNotShipped(error: unknown): undefined {
  if (!(error instanceof NotShipped)) throw error;
}

/** By folder, then by hash; read once per process. */
const known = new Map<string, Promise<ReadonlyMap<string, RunEntry>>>();

function shippedResults(folder: string): Promise<ReadonlyMap<string, RunEntry>> {
  const read = async (): Promise<ReadonlyMap<string, RunEntry>> => {
    const entries = await openStore(folder, { shipped: folder }).list();
    return new Map(entries.filter(({ from }) => from === 'shipped').map((entry) => [entry.hash, entry]));
  };
  if (!known.has(folder)) known.set(folder, read());
  return known.get(folder)!;
}

/** A lab whose runs are all answered from what ships; undefined where nothing on the profile's data ships. */
function shippedLab(profile: Profile, shipped: ReadonlyMap<string, RunEntry>): PaperLab | undefined {
  const entry = [...shipped.values()].find(
    ({ config }) => networkIn(config)?.data.name === profile.data.name,
  );
  if (!entry) return undefined;
  const {
    data: { checksum },
    arch: { classes },
  } = networkIn(entry.config)!;
  const ofData = { ...profile, arch: { ...profile.arch, classes } };
  const provenance = entry.provenance!.dataset as unknown as Dataset['provenance'];
  // The search for learning rates asks how many images it can hold out: those are CIFAR-10's.
  const train = { made: false, provenance, size: 50_000 } as unknown as Dataset;
  const lab: Pick<PaperLab, 'data' | 'train' | 'test' | 'defaults' | 'profile' | 'request'> = {
    data: { name: profile.data.name, checksum, testImages: profile.data.testImages },
    train,
    test: { ...train, size: 10_000 },
    defaults: ofData,
    profile: ofData,
    async request(config) {
      const found = shipped.get(configHash(config));
      if (!found) throw new NotShipped();
      return { ...found, from: 'shipped' } as never;
    },
  };
  return lab as PaperLab;
}

type OfNetwork = Pick<PretrainConfig, 'data' | 'arch'>;

/** Data and shape of the network that a run makes or starts from. */
function networkIn(config: unknown): OfNetwork | undefined {
  const { source, ...own } = config as Partial<OfNetwork> & { readonly source?: OfNetwork };
  return source ?? (own as OfNetwork);
}

function describe(
  { profile, train }: PaperLab,
  rows: readonly unknown[],
  { there, of }: { readonly there: number; readonly of: number },
): string {
  const { images, schedule } = profile.pretraining;
  return (
    `profile ${profile.name} · ${datasetTitle(train)} · ${images ?? 'all'} training images × ` +
    `${schedule.epochs === 1 ? '1 epoch' : `${schedule.epochs} epochs`}${seedsText(rows)} · as shipped` +
    (there < of ? ` (${there} of ${of} results)` : '')
  );
}
