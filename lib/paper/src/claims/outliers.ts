/** C1 and C2: where the largest merged weights are, and which branch makes them. */
import type { OutlierRow } from 'oabn/merge';
import { allOf, estimate, formatPercent, judge } from './statistics.js';
import type { Claim } from './claim.js';

/** C1 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC1(reports: readonly (readonly OutlierRow[])[]): Claim {
  const shares = reports.map((rows) => {
    const withIdentity = rows.filter((row) => row.identity);
    return withIdentity.reduce((sum, row) => sum + row.classAOfLargest, 0) / withIdentity.length;
  });
  const expected = estimate(
    reports
      .flat()
      .filter((row) => row.identity)
      .map((row) => row.classAOfAll),
  ).mean;
  return {
    id: 'C1',
    statement: 'The largest merged weights are in class A.',
    verdict: judge(shares.map((share) => share - 0.5)),
    evidence:
      `In blocks with an identity branch, class A holds ${formatPercent(estimate(shares))} of the largest 0.1% of the weights; ` +
      `it is ${(100 * expected).toFixed(2)}% of all weights. Held means more than half.`,
  };
}

/** C2 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC2(reports: readonly (readonly OutlierRow[])[]): Claim {
  const identities = reports.map((rows) => rows.flatMap((row) => (row.identity ? [row.identity] : [])));
  const meanOf = (pick: (identity: NonNullable<OutlierRow['identity']>) => number): number[] =>
    identities.map((rows) => estimate(rows.map(pick)).mean);
  const [others, correlations] = [meanOf((row) => row.otherShare), meanOf((row) => row.correlation ?? 0)];
  return {
    id: 'C2',
    statement:
      'Class-A weights nearly equal the identity BN’s ratio r0; the other two branches contribute little there.',
    verdict: allOf([judge(others.map((share) => 0.5 - share)), judge(correlations.map((r) => r - 0.5))]),
    evidence:
      `Mean |W_A − r0| is ${formatPercent(estimate(others))} of mean |W_A|; |W_A| and |r0| correlate with r = ` +
      `${estimate(correlations).mean.toFixed(2)} over channels, averaged over blocks. Held means under half and over 0.5.`,
  };
}
