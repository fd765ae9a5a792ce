/**
 * An exponential moving average of the weights (Polyak and Juditsky 1992; as an EMA, arXiv 1803.05407
 * discusses it along with its own): smoother than the weights themselves, at the price of one pass over the
 * parameters. The average is what the run ends with. It is part of the training state, so that a run that is
 * resumed ends with the same bits.
 *
 *     a ← d·a + (1 − d)·p
 */
import { tf } from 'tfjs-native';
import type { Tensors } from '../model/index.js';

/** How far the moving average of the parameters looks back. */
export interface EmaOptions {
  /** d in (0, 1): the average looks back over about 1/(1 − d) steps. */
  readonly decay: number;
}

/** The average before the first step: the parameters, as tensors of its own. */
export function beginAverage(params: Tensors): Tensors {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, tf.clone(param)]));
}

/** A step from one state to the next. */
export type AveragedStep<State, Input, Metrics> = (
  state: State,
  input: Input,
) => { readonly state: State; readonly metrics: Metrics };

/** `step`, and the average after it. */
export function averaging<
  State extends { readonly params: Tensors; readonly average?: Tensors },
  Input,
  Metrics,
>(step: AveragedStep<State, Input, Metrics>, { decay }: EmaOptions): AveragedStep<State, Input, Metrics> {
  return (state, input) => {
    const { state: next, metrics } = step(state, input);
    const average = Object.fromEntries(
      Object.entries(next.params).map(([name, param]) => [
        name,
        tf.add(tf.mul(state.average![name]!, decay), tf.mul(param, 1 - decay)),
      ]),
    );
    return { state: { ...next, average }, metrics };
  };
}
