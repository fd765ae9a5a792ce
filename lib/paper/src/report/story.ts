/**
 * The report's first screen: the results in five sentences and three pictures. The s that represents OABN is
 * the one that the profile names for its ablations, which was chosen before its runs were made.
 */
import {
  type Claim,
  estimate,
  type Estimate,
  formatThreshold,
  type LowBitMethod,
  type LowBitPoint,
  type ThresholdPoint,
} from '../claims/index.js';
import { peaksFigure, recoveryFigure, thresholdFigure } from '../figures/index.js';
import type { Verdict } from '../statistics/index.js';
import type { NetworkRow, StudyResult } from '../studies/index.js';
import { escapeHtml, type Figure } from 'tslab-kernel/display';
import { figureSvg, figureTitle } from 'tslab-kernel/picture';

/** What the first screen is made of. */
export interface Story {
  /** s of the networks that stand for OABN. */
  readonly threshold: number;
  /** With plain BN and at `threshold`. */
  readonly networks: StudyResult<NetworkRow>;
  readonly sweep: StudyResult<ThresholdPoint>;
  readonly cells: StudyResult<LowBitPoint>;
  readonly claims: readonly Claim[];
}

/** The bits of the pictures of ClusterQAT, as far as there are results for them. */
const recoveredBits = [4, 3];

/** The intervals are on the board. */
const percent = ({ mean }: Estimate): string => `${(100 * mean).toFixed(1)}%`;

const distinct = (values: readonly number[]): number[] => [...new Set(values)];

/** Five sentences. */
export function storySentences({ threshold, networks, sweep, cells, claims }: Story): string[] {
  const s = `s = ${formatThreshold(threshold)}`;
  const fp32 = (of: number): string =>
    percent(estimate(sweep.rows.filter((row) => row.threshold === of).map((row) => row.fp32)));
  const after = (of: number, bits: number): Estimate =>
    estimate(
      sweep.rows.filter((row) => row.threshold === of && row.bits === bits).map((row) => row.accuracy),
    );
  const bits = distinct(sweep.rows.map((row) => row.bits)).sort((a, b) => b - a);
  const apart = bits.reduce((most, b) => {
    const by = (at: number): number => after(threshold, at).mean - after(Infinity, at).mean;
    return by(b) > by(most) ? b : most;
  });
  return [
    outlierSentence(networks.rows),
    `Uniform quantization with one scale per layer leaves plain BN (${fp32(Infinity)} in FP32) with ` +
      `${bits.map((b) => `${percent(after(Infinity, b))} at ${b}`).join(', ')} bits.`,
    `With the ratio of the identity branch limited in training (OABN, ${s}), FP32 is ${fp32(threshold)}; the difference is largest at ` +
      `${apart} bits, where ${percent(after(threshold, apart))} are left instead of ${percent(after(Infinity, apart))}.`,
    recoverySentence(cells.rows, threshold),
    verdictSentence(claims),
  ];
}

function outlierSentence(networks: readonly NetworkRow[]): string {
  const plain = networks
    .filter((row) => row.threshold === Infinity)
    .flatMap(({ outliers }) => outliers.filter(({ identity }) => identity));
  const mean = (of: (row: (typeof plain)[number]) => number): number => estimate(plain.map(of)).mean;
  return (
    `Merging puts the outliers on the diagonal of the kernels’ centre: in blocks with an identity branch, the diagonal holds ` +
    `${(100 * mean((row) => row.classAOfLargest)).toFixed(0)}% of the largest 0.1% of the weights and ` +
    `${(100 * mean((row) => row.classAOfAll)).toFixed(1)}% of all; these layers reach ${mean((row) => row.peakToSigma).toFixed(0)} σ.`
  );
}

function recoverySentence(cells: readonly LowBitPoint[], threshold: number): string {
  const accuracy = (of: number, bits: number, method: LowBitMethod): string =>
    percent(
      estimate(
        cells
          .filter((row) => row.threshold === of && row.bits === bits && row.method === method)
          .map((row) => row.accuracy),
      ),
    );
  const parts = recoveredOf(cells).map(
    (bits) =>
      `at ${bits} bits ${accuracy(threshold, bits, 'clusterQat')} with OABN and ${accuracy(Infinity, bits, 'clusterQat')} with plain BN ` +
      `(uniform QAT: ${accuracy(threshold, bits, 'uniformQat')} and ${accuracy(Infinity, bits, 'uniformQat')})`,
  );
  return `Fine-tuning with quantization points that k-means moves (ClusterQAT) recovers, ${parts.join('; ')}.`;
}

const recoveredOf = (cells: readonly LowBitPoint[]): number[] =>
  recoveredBits.filter((bits) => cells.some((row) => row.bits === bits));

function verdictSentence(claims: readonly Claim[]): string {
  const count = (verdict: Verdict): number => claims.filter((claim) => claim.verdict === verdict).length;
  return (
    `The paper’s ${claims.length} claims on these runs: ${count('held')} held, ${count('not held')} not held, ${count('undecided')} undecided, ` +
    `${count('precondition not met')} that cannot be tested here.`
  );
}

/** The pictures, each small enough to stand next to the others. */
export function storyFigures({ threshold, networks, sweep, cells }: Story): Figure[] {
  const pictures = [
    peaksFigure(networks),
    thresholdFigure(sweep, { title: 'What quantization costs over s' }),
    recoveryFigure(cells, { bits: recoveredOf(cells.rows), threshold }),
  ];
  return pictures.map((figure) => ({
    ...figure,
    layout: { ...figure.layout, width: 420, height: 330 },
  }));
}

/** Sentences and pictures as HTML. */
export function storyHtml(story: Story): string {
  const pictures = storyFigures(story).map((figure) => {
    const svg = figureSvg(figure, { titles: false, followsTheme: true });
    const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
    const title = escapeHtml(figureTitle(figure));
    return `<figure><figcaption>${title}</figcaption><img alt="${title}" src="${source}" width="420"></figure>`;
  });
  return `<ol class="story">
${storySentences(story)
  .map((sentence) => `<li>${escapeHtml(sentence)}</li>`)
  .join('\n')}
</ol>
<div class="story-pictures">
${pictures.join('\n')}
</div>`;
}

/** The style of the first screen. */
export const storyStyle = `
.story { margin: 0.4rem 0 0.6rem; padding-left: 1.3rem; line-height: 1.45; } .story li { margin: 0.2rem 0; }
.story-pictures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.8rem; }
.story-pictures figure { margin: 0; } .story-pictures figcaption { font-weight: 600; font-size: 0.9rem; } .story-pictures img { display: block; width: 100%; height: auto; }
@media (max-width: 45rem) { .story-pictures { grid-template-columns: minmax(0, 1fr); } }
`;
