/** The doctor's report as one HTML page that needs nothing else: pictures first, then the tables. */
import { escapeHtml } from 'oabn-base';
import { symmetricLevels } from '../quantize/index.js';
import { causes, diagnosedBits, type Diagnosis } from './diagnose.js';
import type { Examination, Prediction } from './examine.js';
import { spacingThatKeeps } from './law.js';
import { onFront } from './pareto.js';
import { legendHtml, barsSvg, planeSvg } from './svg.js';
import type { Trial, Trials } from './tryRemedies.js';

/** What the doctor's page shows. */
export interface DoctorPage extends Examination {
  /** The checkpoint's name. */
  readonly checkpoint: string;
  /** The name of the family, for people. */
  readonly family: string;
  /** Measured on images, where there were any. */
  readonly trials?: readonly Trial[];
  /** Remedies that have no form for this network. */
  readonly refused?: Trials['refused'];
  /** FP32 accuracy in [0, 1], and how many images of which dataset it was measured on. */
  readonly measured?: { readonly fp32: number; readonly images: number; readonly dataset: string };
  /** What to do, in sentences. */
  readonly advice: readonly string[];
}

const kib = (bits: number): number => bits / 8 / 1024;

/** The share of the accuracy above chance up to which the page marks bits. */
const almostEverything = 0.95;

/** The whole page. */
export function doctorPage(page: DoctorPage): string {
  const { checkpoint, family, layers, predictions, trials, measured, advice } = page;
  const name = escapeHtml(checkpoint);
  const bars = [...layers]
    .sort((a, b) => b.peakToSigma - a.peakToSigma)
    .slice(0, 40)
    .map(({ layer, peakToSigma, cause }) => ({ label: layer, value: peakToSigma, group: causes[cause] }));
  const keeps = spacingThatKeeps(almostEverything, page.law);
  const titles = [...new Set([...predictions, ...(trials ?? [])].map(({ title }) => title))];
  const marks = diagnosedBits.map((bits) => ({
    value: keeps * symmetricLevels(bits),
    label: `${bits} bits`,
  }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Quantizing ${name}</title><style>
:root{--page:#fff;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--page:#121212}}
body{font:15px/1.5 system-ui,sans-serif;max-width:800px;margin:2rem auto;padding:0 1rem;background:var(--page)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px;width:100%}
.wide{overflow-x:auto}td,th{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}
td:first-child,th:first-child,td.text,th.text{text-align:left;white-space:normal}td:first-child{min-width:8em}td.text{min-width:12em}
svg text{fill:currentColor;font:13px system-ui,sans-serif}svg .small{font-size:11px}
.legend span{margin-right:1rem;white-space:nowrap;display:inline-block}.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
</style></head><body>
<h1>What quantization will cost ${name}</h1>
<p>${escapeHtml(family)}; ${layers.length} layers besides the first.${measured ? ` FP32: ${percent(measured.fp32)} of ${measured.images} images (${escapeHtml(measured.dataset)}).` : ''}</p>
<ul>${advice.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>
${measured && trials ? measuredSection(trials, measured, titles, page.refused) : ''}
${predictedSection(predictions, titles)}
<h2>Where the outliers are</h2>
<p>Bars: max|w|/σ of each layer${layers.length > 40 ? ', the 40 largest' : ''}. Left of a dashed line, that many bits keep almost everything (${100 * almostEverything}%).</p>
${barsSvg(bars, marks, 'max|w| / σ (logarithmic)')}
${legendHtml(bars)}
${layerTable(layers)}
${paragraph(inflationNote(layers))}
<p>The law: ${escapeHtml(page.law.source)}.</p>
</body></html>
`;
}

function measuredSection(
  trials: readonly Trial[],
  { fp32 }: NonNullable<DoctorPage['measured']>,
  groups: readonly string[],
  refused: Trials['refused'] = [],
): string {
  const front = onFront(
    trials,
    ({ storedBits }) => storedBits,
    ({ accuracy }) => accuracy,
  );
  const points = trials.map(({ title, bits, accuracy, storedBits }, i) => ({
    ...{ x: kib(storedBits), y: accuracy, group: title, label: `${bits} bits`, onFront: front[i]! },
  }));
  const rows = trials.map(({ title, bits, accuracy, storedBits }, i) => [
    ...[title, String(bits), percent(accuracy), kib(storedBits).toFixed(1), front[i] ? 'yes' : ''],
  ]);
  return `<h2>Remedies, measured</h2>
<p>Weights and activations are quantized. Filled points are on the Pareto front: nothing smaller is as accurate.</p>
${planeSvg({ points, groups, xTitle: 'quantized weights, KiB (logarithmic)', yTitle: 'accuracy', reference: { y: fp32, label: 'FP32' } })}
${legendHtml(points, groups)}
${table(['remedy', 'bits', 'accuracy', 'KiB', 'front'], rows)}
${refused.map(({ title, reason }) => `<p>Not measured: ${escapeHtml(`${title}. ${reason}`)}</p>`).join('')}`;
}

function predictedSection(predictions: readonly Prediction[], groups: readonly string[]): string {
  const middle = ({ least, most }: Prediction): number => (least + most) / 2;
  const front = onFront(predictions, ({ storedBits }) => storedBits, middle);
  const points = predictions.map((prediction, i) => ({
    ...{ x: kib(prediction.storedBits), y: middle(prediction), low: prediction.least, high: prediction.most },
    ...{ group: prediction.title, label: `${prediction.bits} bits`, onFront: front[i]! },
  }));
  const rows = predictions.map(({ title, bits, spacing, least, most, storedBits }, i) => [
    ...[title, String(bits), spacing.toFixed(2), keptText({ least, most })],
    ...[kib(storedBits).toFixed(1), front[i] ? 'yes' : ''],
  ]);
  return `<h2>Remedies, predicted from the weights</h2>
<p>The share of the accuracy above chance that is kept, predicted from the mean level spacing in σ, or for other remedies from the spacing that
their error is worth. Each remedy has a law of its own, fitted on small networks; the bars hold 95% of networks.</p>
${planeSvg({ points, groups, xTitle: 'quantized weights, KiB (logarithmic)', yTitle: 'accuracy kept' })}
${legendHtml(points, groups)}
${table(['remedy', 'bits', 'spacing', 'keeps', 'KiB', 'front'], rows)}`;
}

const paragraph = (text: string): string => (text === '' ? '' : `<p>${escapeHtml(text)}.</p>`);

/** A layer's level spacing, marked where its σ is the one that it would have without outliers. */
export function spacingText(
  { spacing, inflated }: Pick<Diagnosis, 'spacing' | 'inflated'>,
  bits: number,
): string {
  return spacing[bits] === undefined ? '' : `${spacing[bits].toFixed(2)}${inflated ? '*' : ''}`;
}

/** What the mark of `spacingText` means; empty where no layer has it. */
export function inflationNote(layers: readonly Diagnosis[]): string {
  const inflated = layers.filter((row) => row.inflated).length;
  if (inflated === 0) return '';
  return `* in ${inflated} of ${layers.length} layers the outliers make most of σ itself: their spacings are in the σ of the other weights`;
}

function layerTable(layers: readonly Diagnosis[]): string {
  const rows = layers.map(({ layer, shape, maxAbs, peakToSigma, cause, at, deadChannels, ...row }) => [
    ...[layer, shape.join('×'), maxAbs.toFixed(3), peakToSigma.toFixed(1)],
    ...diagnosedBits.map((bits) => spacingText(row, bits)),
    deadChannels > 0 ? String(deadChannels) : '',
    causes[cause] +
      (at.share === undefined ? '' : ` (${(100 * at.share).toFixed(0)}% of w[${at.out}, ${at.in}])`),
  ]);
  return table(
    [
      'layer',
      'kernel',
      'max|w|',
      'max|w|/σ',
      ...diagnosedBits.map((bits) => `${bits} bits`),
      'dead',
      'cause',
    ],
    rows,
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isText = (column: number): string => (head[column] === 'cause' ? ' class="text"' : '');
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell, i) => `<${tag}${isText(i)}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table>${cells(head, 'th')}${rows.map((row) => cells(row, 'td')).join('')}</table></div>`;
}

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;

/** «29–94%» or «95%». */
export function keptText({ least, most }: { least: number; most: number }): string {
  const [from, to] = [least, most].map((value) => (100 * value).toFixed(0));
  return from === to ? `${to}%` : `${from}–${to}%`;
}
