/** A dataset in a few words, for captions of figures and headings of tables. */
import type { Dataset } from './dataset.js';

/**
 * Its proper name, whether its images are made, and what readers should know about it, in the first words of
 * its note.
 */
export function datasetTitle({
  made,
  provenance: { dataset, note },
}: Pick<Dataset, 'made' | 'provenance'>): string {
  if (made) return `MADE DATA (${dataset})`;
  return `${dataset}${note && ` (${note.split(':')[0]})`}`;
}
