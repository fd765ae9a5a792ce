/**
 * The metrics of steps, which are waited for a few steps late, so that the engine is busy with the next steps
 * meanwhile. Reading them begins at once: a GPU does what it is given in order, so that a copy that is asked
 * for later would wait for the steps that were submitted before it.
 */
import { tf } from 'tfjs-native';
import type { StepResult } from './step.js';

/** A step whose metrics are not read yet. */
export interface StepTaken {
  /** Its number, from 0. */
  readonly step: number;
  readonly learningRate: number;
  readonly metrics: StepResult['metrics'];
}

/** Sums over the steps of an epoch, and the metrics that are still to be added to them. */
export interface LateMetrics {
  /** Over the steps that are read. */
  readonly sums: { readonly lossSum: number; readonly correctSum: number };
  /** Steps that are not read yet. */
  readonly unread: number;
  add(taken: StepTaken): void;
  /**
   * Reads all but the last `leave` steps.
   * @throws what `nonFinite` makes of a step whose loss is not finite
   */
  read(leave: number): Promise<void>;
  /** Begins a new epoch: the sums are 0. */
  reset(): void;
  /** Frees what is not read. */
  dispose(): void;
}

/** @param sums of the epoch so far */
export function lateMetrics(
  sums: LateMetrics['sums'],
  nonFinite: (loss: number, taken: StepTaken) => Error,
): LateMetrics {
  const unread: { readonly taken: StepTaken; readonly values: Promise<readonly number[]> }[] = [];
  let { lossSum, correctSum } = sums;
  return {
    get sums() {
      return { lossSum, correctSum };
    },
    get unread() {
      return unread.length;
    },
    add(taken) {
      const { loss, correct } = taken.metrics;
      const values = Promise.all([loss.data(), correct.data()].map(async (data) => (await data)[0]!));
      values.catch(() => undefined); // thrown by `read`; work that ended before it must not crash
      unread.push({ taken, values });
    },
    async read(leave) {
      while (unread.length > leave) {
        const { taken, values } = unread[0]!;
        const [loss, correct] = await values;
        tf.dispose(Object.values(unread.shift()!.taken.metrics));
        if (!Number.isFinite(loss)) throw nonFinite(loss!, taken);
        lossSum += loss!;
        correctSum += correct!;
      }
    },
    reset: () => void ([lossSum, correctSum] = [0, 0]),
    dispose: () => unread.forEach(({ taken }) => tf.dispose(Object.values(taken.metrics))),
  };
}
