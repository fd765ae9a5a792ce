/**
 * Tables to compute on: rows of plain records as a danfo DataFrame, which filters, sorts, groups and joins as pandas
 * does. Danfo belongs to the project that holds the notebooks, not to this package: as published, it asks for a file from
 * outside the npm registry, which only a project's own `overrides` can replace.
 */
import type { DataFrame } from 'danfojs-node';
import { errorMessage, type Row, UserError } from 'oabn-base';

/**
 * A danfo DataFrame of `rows`. Danfo takes two seconds to load, so it is loaded by the first call.
 * @throws UserError where danfojs-node is not installed
 */
export async function table(rows: readonly Row[]): Promise<DataFrame> {
  const danfo = await import('danfojs-node').catch((error: unknown) => {
    throw new UserError(
      `A table needs danfojs-node, which does not load: ${errorMessage(error)}. Run npm ci in the project's folder.`,
    );
  });
  return new danfo.DataFrame([...rows]);
}
