/** Options of this package's commands, as labs. */
import { type CommonOptions, dataLocation, labOptions } from 'oabn/cli';
import { type Labs, openLabs } from '../profiles/index.js';

/**
 * The labs of both sides; `--data` is a folder that holds the data of both. Shipped results do not count as
 * runs here.
 */
export async function labsOf(options: CommonOptions): Promise<Labs> {
  const { data } = dataLocation(options.data);
  const { profile } = options;
  const { shipped: _, defaults: __, ...shared } = labOptions(options);
  return await openLabs({
    ...shared,
    shipped: false,
    ...(profile !== undefined && { profile }),
    ...(data !== undefined && { data }),
  });
}
