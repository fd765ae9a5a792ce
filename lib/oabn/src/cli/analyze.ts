/** `oabn analyze`: the outlier report of a checkpoint. */
import { naming, tableText } from 'oabn-base';
import type { Command } from 'commander';
import { keptAccuracy, law, lawDeviation, laws, levelSpacing } from '../doctor/index.js';
import { loadRepVGG } from '../family/index.js';
import { analyzeOutliers, mergedOf, type OutlierRow } from '../merge/index.js';
import { get, type Network } from '../model/index.js';
import { type CommonOptions, jsonOption, loadOptions, tellQuantized, withNetworkOptions } from './options.js';
import { print } from './output.js';

export function addAnalyze(program: Command): void {
  withNetworkOptions(
    program
      .command('analyze <checkpoint>')
      .description('report the outliers of the merged weights, block by block'),
  )
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Columns: peak/σ is max|w| / std; «A of top» is the share of class A (centre tap, i = j) among the largest 0.1% of the
weights; max r0 is the identity BN's largest |γ/σ|, r its correlation with the class-A weights over channels, and
«others» the mean |W_A − r0| / mean |W_A|, what the 3×3 and 1×1 branches add. A merged file does not know r0. Below it, what
uniform PTQ with one scale per layer should leave of the accuracy above chance, predicted from the mean of peak/σ; «oabn doctor»
says what causes it and what helps, for networks of any family.

Example:
  $ oabn analyze small.safetensors --arch A0@0.25`,
    )
    .action(async (checkpoint: string, options: CommonOptions) => {
      const network = await loadRepVGG(checkpoint, loadOptions(options));
      tellQuantized(checkpoint, network.metadata);
      const rows = naming(checkpoint, () => analyzeOutliers(network.arch, network.stateDict));
      print(rows, `${tableText(rows.map(formatRow))}\n${predictionText(network, rows)}`, options.json);
    });
}

function formatRow(row: OutlierRow): Record<string, string> {
  const { identity } = row;
  return {
    block: row.block,
    weights: String(row.weights),
    'max|w|': row.maxAbs.toFixed(3),
    std: row.std.toFixed(4),
    'peak/σ': row.peakToSigma.toFixed(1),
    kurtosis: row.kurtosis.toFixed(1),
    'A of top': `${(100 * row.classAOfLargest).toFixed(0)}%`,
    'max r0': identity?.maxRatio.toFixed(3) ?? '–',
    r: identity?.correlation?.toFixed(2) ?? '–',
    others: identity ? `${(100 * identity.otherShare).toFixed(0)}%` : '–',
  };
}

/** «8 bits keep 100% (99–100%)»: what the doctor's law expects, and its range over networks. */
function predictionText(network: Network, rows: readonly OutlierRow[]): string {
  const merged = mergedOf(network);
  const spread = rows.filter(({ std }) => std > 0);
  const peaks = spread.map(({ block, maxAbs, std }) => {
    const { data } = get(merged, `${block}.rbr_reparam.weight`);
    return maxAbs / lawDeviation(data, std);
  });
  const peak = peaks.reduce((sum, each) => sum + each, 0) / Math.max(1, peaks.length);
  const of = network.arch.operations ? laws.perTensor : law;
  const percent = (share: number): string => (100 * share).toFixed(0);
  const parts = [8, 6, 4].map((bits) => {
    const { expected, least, most } = keptAccuracy(levelSpacing(peak, bits), of);
    return `${bits} bits keep ${percent(expected)}% (${percent(least)}–${percent(most)}%)`;
  });
  const inflated = peaks.filter((each, i) => each > spread[i]!.peakToSigma).length;
  const note =
    inflated === 0 ? '' : `, in σ without the outliers in ${inflated} layers, where these make most of σ`;
  return `Expected with uniform PTQ and one scale per layer: ${parts.join(', ')} of the accuracy above chance (mean peak/σ ${peak.toFixed(1)}${note}).`;
}
