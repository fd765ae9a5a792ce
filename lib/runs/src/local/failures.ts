/** What becomes of a plan of which some jobs fail. */
import { UserError } from 'oabn-base';
import type { PoolJob } from './job.js';

/** The jobs that failed so far. */
export interface Failures {
  /**
   * Notes that a job failed, and how many others are dropped with it.
   * @throws the error of `end` when it is one failure too many
   */
  add(job: PoolJob, error: Error, dropped: number): void;
  /** @throws an Error that names what failed, if anything did; a UserError if the user can mend all of it */
  end(): void;
}

/**
 * @param total jobs of the plan
 * @param most failures after which the rest is not tried any more
 * @param notice told at once of a failure that the others go on after
 */
export function failuresOf(total: number, most: number, notice: (message: string) => void): Failures {
  const failed: { readonly title: string; readonly error: Error }[] = [];
  let dropped = 0;
  const end = (): void => {
    const [first] = failed;
    if (!first) return;
    if (total === 1) throw first.error;
    const counts =
      `${failed.length} of ${total} runs failed` +
      (failed.length >= most ? ', so the others were not tried any more' : '') +
      (dropped > 0 ? `; not begun, as they start from a failed one: ${dropped}` : '');
    const each = failed.map(({ title, error }) => `- ${title}: ${error.message}`);
    const text = [`${counts}. What is done is stored.`, ...each].join('\n');
    if (failed.every(({ error }) => error instanceof UserError)) throw new UserError(text);
    throw new Error(text, { cause: first.error });
  };
  return {
    add({ title, hash }, error, droppedNow) {
      failed.push({ title: title ?? hash, error });
      dropped += droppedNow;
      if (failed.length >= most) end();
      if (total > 1) notice(`${title ?? hash} failed, the others go on: ${error.message.split('\n', 1)[0]}`);
    },
    end,
  };
}
