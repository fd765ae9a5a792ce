/** Options of this package's commands, as labs. */
import { Option } from 'commander';
import { type CommonOptions, dataLocation, labOptions, wholeNumber } from 'oabn/cli';
import { defaultWorkers, type Lab } from 'oabn/experiment';
import {
  type Labs,
  openLabs,
  openPaperLab,
  type PaperLab,
  type PaperLabOptions,
  profileNames,
} from '../profiles/index.js';

export const profileOption = new Option('--profile <name>', `${profileNames}; default OABN_PROFILE or quick`);

/** `runsAtOnce` reads it. */
export const jobsOption = new Option('--jobs <n>', 'runs at a time; default one per core, or one on a GPU');

/** The labs of both sides; `--data` is a folder that holds the data of both. */
export async function labsOf(options: CommonOptions): Promise<Labs> {
  const { dataset: _, ...shared } = paperLabOptions(options);
  return await openLabs(shared);
}

/** The lab of the profile that the options name. */
export async function labOfProfile(options: CommonOptions): Promise<PaperLab> {
  return await openPaperLab(paperLabOptions(options));
}

/** How many runs at a time: `--jobs`, or what suits the labs. @throws UserError unless it is a whole number above 0 */
export function runsAtOnce(jobs: string | undefined, labs: readonly Lab[]): number {
  return jobs === undefined ? defaultWorkers(labs) : wholeNumber('--jobs', jobs, 1);
}

/** Shipped results do not count as runs in commands that compute. */
function paperLabOptions({ data, profile, ...options }: CommonOptions): PaperLabOptions {
  const { shipped: _, defaults: __, ...shared } = labOptions(options);
  const { data: folder } = dataLocation(data);
  return {
    ...shared,
    shipped: false,
    ...(profile !== undefined && { profile }),
    ...(folder !== undefined && { data: folder }),
  };
}
