/**
 * From a name to a dataset. A folder that the user names is taken at its word: either it holds what is asked
 * for, or that is an error. With no folder named, CIFAR-10 is fetched once into the cache folder; where that
 * is impossible, the made set stands in for it, and says so.
 */
import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { check, errorMessage, silent, UserError, type Progress } from 'oabn-base';
import { cacheFolder } from './cache.js';
import {
  cifar10Source,
  openCifar10Binary,
  openCifar10Parquet,
  unpackCifar10,
  type Cifar10Source,
} from './cifar10.js';
import type { Dataset, Split } from './dataset.js';
import { DownloadError, downloadFile, type DownloadOptions } from './download.js';
import { openImagenet } from './imagenet.js';
import { archiveName, filesOf, findIn, namesIn, type Found } from './locate.js';
import { type MadeOptions, openMadeDataset } from './made.js';

/**
 * The names that `openDataset` knows. `auto` is CIFAR-10; where a folder that was named has train/ and val/ with
 * class folders instead, `imagenet`; the made set where no folder was named and CIFAR-10 cannot be had.
 */
export const datasetNames = ['auto', 'cifar10', 'imagenet', 'imagenet50', 'made'] as const;
/** The name of a dataset, or `auto`: whichever can be had. */
export type DatasetName = (typeof datasetNames)[number];

/** Which dataset, where it is, and what may be done if it is missing. */
export interface OpenOptions {
  /** Default `auto`. */
  readonly name?: DatasetName;
  /** Default `train`. */
  readonly split?: Split;
  /**
   * The data folder, or one that holds `cifar10/`, `imagenet/` …; default the environment's `OABN_DATA_DIR`.
   */
  readonly data?: string;
  /**
   * May the made set stand in for data that is not there? Default: for CIFAR-10, where no folder is named.
   */
  readonly standIn?: boolean;
  /**
   * May CIFAR-10 be downloaded? Default: only when no folder is named. `true` downloads into the named
   * folder.
   */
  readonly download?: boolean;
  /** Side of ImageNet's images, default 224, or their own when they are small. */
  readonly size?: number;
  /** Options of the made set. */
  readonly made?: Omit<MadeOptions, 'split'>;
  /** Folder for decoded pixels and downloads; default `cacheFolder()`. */
  readonly cache?: string;
  /** Called as data is downloaded and decoded; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called once with each caveat, such as that the made set is used; default `console.warn`. */
  readonly warn?: (message: string) => void;
  /** Where CIFAR-10 is fetched from: a mirror, or a test's server. */
  readonly cifar10?: Cifar10Source;
  /** How patient a download is. */
  readonly downloading?: Omit<DownloadOptions, 'progress'>;
  /** Where `OABN_DATA_DIR` is read from; default the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Folders within the data folder in which a dataset may be; the last is the folder itself. */
const places: Record<'cifar10' | 'imagenet' | 'imagenet50', readonly string[]> = {
  cifar10: ['cifar10', 'cifar-10', 'CIFAR-10', 'CIFAR10', '.'],
  imagenet: ['imagenet', 'imagenet-1k', 'ILSVRC2012', 'ImageNet', 'imagenet-sample', '.'],
  imagenet50: ['imagenet50-64', 'imagenet50', '.'],
};

/**
 * Opens a split of a dataset, checked: what is damaged is refused here, before any training.
 * @throws UserError when the named folder does not hold the dataset, or files are missing, truncated or wrong
 */
export async function openDataset(options: OpenOptions = {}): Promise<Dataset> {
  const { name = 'auto', split = 'train' } = options;
  check(datasetNames.includes(name), `Unknown dataset «${name}»: the names are ${datasetNames.join(', ')}`);
  check(['train', 'test'].includes(split), `Unknown split «${split}»: the splits are train, test`);
  switch (name) {
    case 'made':
      return openMadeDataset({ ...options.made, split }, context(options));
    case 'auto': {
      const found = await findClassFolders(namedFolder(options));
      if (!found) return openCifar10(split, options);
      return openImagenet(found, { name: 'imagenet', split, ...context(options), ...sized(options) });
    }
    case 'cifar10':
      return openCifar10(split, options);
    case 'imagenet':
    case 'imagenet50': {
      const folder = namedFolder(options);
      const found = folder === undefined ? undefined : await findImagenet(folder, name, split);
      if (!found) {
        const reason = await whyNoImagenet(folder, name);
        check(options.standIn, reason);
        (options.warn ?? console.warn)(imagenetStandInMessage(name, reason));
        return openMadeDataset({ ...options.made, split }, context(options));
      }
      return openImagenet(found, {
        name,
        split,
        ...context(options),
        ...sized(options),
      });
    }
    default:
      return name satisfies never;
  }
}

/** Both splits of a dataset; if one is the made set, so is the other. */
export async function openDatasets(
  options: Omit<OpenOptions, 'split'> = {},
): Promise<{ readonly train: Dataset; readonly test: Dataset }> {
  const train = await openDataset({ ...options, split: 'train' });
  const test = await openDataset({ ...options, ...(train.made && { name: 'made' as const }), split: 'test' });
  return { train, test };
}

/**
 * The files that a dataset is read from, by their paths below a folder that can be named as the data folder
 * elsewhere.
 */
export interface DatasetFiles {
  /** The folder that the paths are relative to. */
  readonly folder: string;
  /** Paths relative to `folder`. */
  readonly files: readonly string[];
}

/**
 * The files of a dataset that is on this machine; undefined where it is not, and for the made set, which has
 * none.
 */
export async function datasetFiles(
  options: Pick<OpenOptions, 'name' | 'data' | 'cache' | 'environment'>,
): Promise<DatasetFiles | undefined> {
  const { name = 'auto' } = options;
  const folder = namedFolder(options);
  if (name === 'made') return undefined;
  if (name === 'auto' || name === 'cifar10') {
    const folders = name === 'auto' ? await findClassFolders(folder) : undefined;
    const found = folders ?? (await findCifar10(folder ?? context(options).cache));
    return found && (await filesOf(found));
  }
  const found = folder === undefined ? undefined : await findImagenet(folder, name, 'train');
  return found && (await filesOf(found));
}

async function openCifar10(split: Split, options: OpenOptions): Promise<Dataset> {
  const folder = namedFolder(options);
  const home = folder ?? context(options).cache;
  const found = await findCifar10(home);
  if (found) return openFound(found, split, options);
  if (folder !== undefined && options.download !== true) {
    const others = options.name === 'cifar10' ? '' : '; or train/ and val/ with class folders';
    throw new UserError(
      `${folder} holds no CIFAR-10: expected ${archiveName}, cifar-10-batches-bin/ or train-….parquet in it or in its ` +
        `folder cifar10${others}; found ${await inventory(folder)}. Name another folder, or fetch CIFAR-10 into this one ` +
        '(oabn data --download)',
    );
  }
  try {
    if (options.download === false) throw new DownloadError('Downloading is not allowed');
    return openFound(await fetchCifar10(join(home, 'cifar10'), options), split, options);
  } catch (error) {
    if (folder !== undefined || !(error instanceof DownloadError)) throw error;
    check(
      options.standIn !== false,
      'CIFAR-10 is not here and could not be downloaded: name its folder with OABN_DATA_DIR or --data, or use ' +
        `--data made. The reason: ${errorMessage(error)}`,
    );
    (options.warn ?? console.warn)(standInMessage(error));
    return openMadeDataset({ ...options.made, split }, context(options));
  }
}

async function fetchCifar10(folder: string, options: OpenOptions): Promise<Found> {
  const { url, md5 } = options.cifar10 ?? cifar10Source;
  const path = join(folder, archiveName);
  await downloadFile(url, path, md5, { ...options.downloading, progress: options.progress ?? silent });
  return { format: 'archive', folder, path };
}

async function openFound(found: Found, split: Split, options: OpenOptions): Promise<Dataset> {
  const { cifar10 = cifar10Source } = options;
  switch (found.format) {
    case 'binary':
      return openCifar10Binary(found.folder, split, cifar10);
    case 'archive': {
      const writable = await access(found.folder, constants.W_OK).then(
        () => true,
        () => false,
      );
      const target = writable ? found.folder : join(context(options).cache, 'cifar10');
      return openCifar10Binary(await unpackCifar10(found.path, target, cifar10), split, cifar10);
    }
    case 'parquet': {
      const paths = found.files[split];
      check(paths, `${found.folder} has no ${split}-….parquet; fetch it as well`);
      return openCifar10Parquet(paths, split, context(options), cifar10);
    }
    case 'folders':
      throw new UserError(`${found.folder}: CIFAR-10 is not read from class folders`);
    default:
      return found satisfies never;
  }
}

async function findCifar10(folder: string): Promise<Found | undefined> {
  for (const place of places.cifar10) {
    const found = (await findIn(join(folder, place))).find((each) => each.format !== 'folders');
    if (found) return found;
  }
  return undefined;
}

/** The splits in class folders of a folder that was named and has no CIFAR-10. */
async function findClassFolders(folder: string | undefined) {
  if (folder === undefined || (await findCifar10(folder))) return undefined;
  return (await findIn(folder)).find((found) => found.format === 'folders');
}

async function findImagenet(folder: string, name: 'imagenet' | 'imagenet50', split: Split) {
  let other: Extract<Found, { format: 'parquet' | 'folders' }> | undefined;
  for (const place of places[name]) {
    for (const found of await findIn(join(folder, place))) {
      if (found.format !== 'parquet' && found.format !== 'folders') continue;
      if ((found.format === 'parquet' ? found.files : found.splits)[split]) return found;
      other ??= found;
    }
  }
  return other;
}

async function whyNoImagenet(folder: string | undefined, name: 'imagenet' | 'imagenet50'): Promise<string> {
  if (folder === undefined)
    return `${name} cannot be downloaded: name the folder that contains it with --data or OABN_DATA_DIR`;
  return (
    `${folder} holds no ${name}: expected train/ and val/ with class folders, or train-….parquet, in it or in its ` +
    `folder ${places[name][0]!}, found ${await inventory(folder)}`
  );
}

/** The folder that the user named. @throws UserError when there is no such folder. */
function namedFolder({ data, environment = process.env }: OpenOptions): string | undefined {
  const folder = data ?? (environment['OABN_DATA_DIR'] || undefined);
  check(
    folder === undefined || existsSync(folder),
    `The data folder ${folder} does not exist: correct --data or OABN_DATA_DIR, or create it`,
  );
  return folder;
}

function context({ cache, progress = silent, warn = console.warn, environment }: OpenOptions) {
  return { cache: cache ?? cacheFolder(environment), progress, warn };
}

const sized = ({ size }: OpenOptions) => (size === undefined ? {} : { size });

async function inventory(folder: string): Promise<string> {
  const names = await namesIn(folder);
  if (names.length === 0) return 'nothing';
  return names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '');
}

const imagenetStandInMessage = (name: string, reason: string): string =>
  `MADE DATA in place of ${name}: drawn shapes, whose accuracies say nothing about photographs. ${reason}.`;

const standInMessage = (error: unknown): string =>
  [
    '',
    '  ┌─ MADE DATA ────────────────────────────────────────────────────────────────',
    '  │ CIFAR-10 is not here and could not be downloaded, so a made set of drawn',
    '  │ shapes is used instead. Its accuracies say nothing about photographs.',
    `  │ Reason: ${errorMessage(error)}`,
    `  │ To use CIFAR-10: put ${archiveName} from`,
    `  │ ${cifar10Source.url}`,
    '  │ into a folder and name that folder by --data or OABN_DATA_DIR.',
    '  └────────────────────────────────────────────────────────────────────────────',
    '',
  ].join('\n');
