/** A dataset in a few words, as captions of figures and heads of tables need it. */
import type { Dataset } from './dataset.js';

/**
 * Its proper name, that it is made where it is, and what readers should know of it in the first words of its
 * note.
 */
export function datasetTitle({
  made,
  provenance: { dataset, note },
}: Pick<Dataset, 'made' | 'provenance'>): string {
  if (made) return `MADE DATA (${dataset})`;
  return `${dataset}${note && ` (${note.split(':')[0]})`}`;
}
