/**
 * The metrics of steps, read a few steps late: reading one waits for the engine, which is to be busy with the
 * next steps meanwhile.
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
  const unread: StepTaken[] = [];
  let { lossSum, correctSum } = sums;
  return {
    get sums() {
      return { lossSum, correctSum };
    },
    get unread() {
      return unread.length;
    },
    add: (taken) => void unread.push(taken),
    async read(leave) {
      while (unread.length > leave) {
        const taken = unread.shift()!;
        const { loss, correct } = taken.metrics;
        const [[lossOf], [correctOf]] = await Promise.all([loss.data(), correct.data()]);
        tf.dispose([loss, correct]);
        if (!Number.isFinite(lossOf)) throw nonFinite(lossOf!, taken);
        lossSum += lossOf!;
        correctSum += correctOf!;
      }
    },
    reset: () => void ([lossSum, correctSum] = [0, 0]),
    dispose: () => unread.forEach(({ metrics }) => tf.dispose([metrics.loss, metrics.correct])),
  };
}
