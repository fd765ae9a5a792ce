/** Options of this package's commands, as labs. */
import { type CommonOptions, dataLocation, labOptions } from 'oabn/cli';
import { type Labs, openLabs, openPaperLab, type PaperLab, type PaperLabOptions } from '../profiles/index.js';

/** The labs of both sides; `--data` is a folder that holds the data of both. */
export async function labsOf(options: CommonOptions): Promise<Labs> {
  const { dataset: _, ...shared } = paperLabOptions(options);
  return await openLabs(shared);
}

/** The lab of the profile that the options name. */
export async function labOfProfile(options: CommonOptions): Promise<PaperLab> {
  return await openPaperLab(paperLabOptions(options));
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
