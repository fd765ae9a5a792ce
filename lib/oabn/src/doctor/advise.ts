/** The report in sentences: what will be lost, why, and what to do first. */
import { causes, type Cause } from './diagnose.js';
import type { Examination, Prediction } from './examine.js';
import { keptText } from './page.js';
import type { Trial } from './tryRemedies.js';

/** The share of the accuracy above chance from which on nothing counts as lost. */
const enough = 0.95;

const remedyOf: Partial<Record<Exclude<Cause, 'identity'>, string>> = {
  dead: 'oabn merge --fold-dead moves them into the biases, without training and without changing what the network computes',
  bareIdentity: 'there is no ratio for OABN to limit; one scale per channel, CFWS or clusters help',
  kernel: 'one scale per channel or clipping at the least squared error is the remedy for them',
  pointwise:
    'CFWS, which gives the centre taps a scale of their own, or one scale per channel is the remedy for them',
  centre:
    'the three-branch file would tell whether dead channels or large ratios caused them; CFWS helps in both cases',
};

/** What can be done with the network here. */
export interface AdviseOptions {
  /** Whether `oabn train` trains networks of its kind; default true. */
  readonly trainable?: boolean;
  /** Whether it can be computed, and so trained on merged (`oabn anneal --penalty`); default true. */
  readonly computable?: boolean;
  /** Remedies that were tried and have no form for the network; default none. */
  readonly refused?: readonly { readonly title: string }[];
  /** Remedies that were tried; at their bits they take the place of what is predicted. Default none. */
  readonly trials?: readonly Trial[];
  /** On how many images the trials were measured. */
  readonly images?: number;
}

/** Sentences, the most important first. */
export function advise(
  { layers, predictions, deadChannels, threshold }: Examination,
  { trainable = true, computable = true, refused = [], trials = [], images }: AdviseOptions = {},
): string[] {
  const plain = predictions.filter(({ remedy }) => remedy === 'perTensor');
  const lost = plain.filter(({ least }) => least < enough);
  const expected = plain.map((p) => `${p.bits} bits keep ${keptText(p)}`).join(', ');
  const sentences = [`Uniform quantization, one scale per layer: ${expected} of the accuracy above chance.`];
  const counts = new Map<Cause, number>();
  for (const { cause } of layers) if (cause !== 'bell') counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  if (!most) {
    sentences.push(
      'No layer has outliers; the loss comes from having few levels, and only training or more levels help.',
    );
  } else {
    const [cause, count] = most;
    const remedy = cause === 'identity' ? remedyOfIdentity(threshold, trainable) : remedyOf[cause];
    sentences.push(
      `${count} of ${layers.length} layers have outliers with the same cause: ${causes[cause]}${remedy ? `; ${remedy}` : ''}.`,
    );
  }
  if (deadChannels > 0 && most?.[0] !== 'dead') {
    sentences.push(
      `${deadChannels} channels are dead; oabn merge --fold-dead removes their outliers at no cost.`,
    );
  }
  for (const { bits } of lost) {
    const measured = bestMeasured(trials, bits);
    if (measured) {
      const on = images === undefined ? '' : ` on ${images} images`;
      const accuracy = (100 * measured.accuracy).toFixed(2);
      sentences.push(`At ${bits} bits the best that was measured is: ${measured.title}, ${accuracy}%${on}.`);
      continue;
    }
    const possible = predictions.filter(({ title }) => !refused.some((one) => one.title === title));
    const best = bestOf(possible.filter((p) => p.bits === bits && p.remedy !== 'perTensor'));
    if (best)
      sentences.push(
        `At ${bits} bits the best remedy without training should be: ${best.title} (${keptText(best)}).`,
      );
  }
  if (lost.length > 0 && computable) sentences.push(annealing);
  return sentences;
}

const annealing =
  'With training images, oabn anneal --penalty kure makes the merged weights themselves easier to quantize: it trains the network on for minutes.';

/** What to say about outliers that identity branches cause. */
function remedyOfIdentity(threshold: number | undefined, trainable: boolean): string {
  if (threshold !== undefined) {
    return `OABN limits them to s = ${Number(threshold.toPrecision(4))} already, so a smaller s, one scale per channel or ClusterQAT is what is left`;
  }
  return trainable
    ? 'training with OABN or with a penalty on the merged weights would have prevented them (oabn train --penalty kure)'
    : 'OABN in the network’s own training would prevent them; without training, one scale per channel or clusters help';
}

function bestOf(predictions: readonly Prediction[]): Prediction | undefined {
  return [...predictions].sort((a, b) => b.least + b.most - a.least - a.most || a.spacing - b.spacing)[0];
}

/** The first of the most accurate. */
function bestMeasured(trials: readonly Trial[], bits: number): Trial | undefined {
  return trials.filter((trial) => trial.bits === bits).sort((a, b) => b.accuracy - a.accuracy)[0];
}
