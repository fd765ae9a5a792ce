/** C1 and C2: where the largest merged weights are, and which branch they come from. */
import type { OutlierRow } from 'oabn/merge';
import {
  allOf,
  greater,
  intervalOf,
  limitedTo,
  little,
  type MeanEstimate,
  numberWithin,
  ofUnknownError,
  percentOf,
  percentWithin,
  seedMean,
} from '../statistics/index.js';
import { type Claim, claimOf, effectIn } from './claim.js';

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The error of a single value is unknown. */
const overSeeds = (values: readonly number[]): MeanEstimate =>
  values.length > 1 ? seedMean(values) : ofUnknownError(values[0]!);

const shifted = (estimate: MeanEstimate, by: number): MeanEstimate => ({
  ...estimate,
  mean: estimate.mean + by,
});

/** C1 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC1(reports: readonly (readonly OutlierRow[])[]): Claim {
  const withIdentity = reports.map((rows) => rows.filter((row) => row.identity));
  const share = overSeeds(withIdentity.map((rows) => meanOf(rows.map((row) => row.classAOfLargest))));
  const expected = meanOf(withIdentity.flat().map((row) => row.classAOfAll));
  const { verdict } = greater(shifted(share, -0.5));
  return claimOf({
    id: 'C1',
    statement: 'The largest merged weights are in class A.',
    rule: 'Held: in blocks with an identity branch, class A has more than half of the largest 0.1% of the weights.',
    parts: [
      {
        name: 'plain BN',
        verdict,
        ...effectIn(share, percentOf),
        evidence:
          `In blocks with an identity branch, class A holds ${percentOf(share)} of the largest 0.1% of the weights; ` +
          `it is ${(100 * expected).toFixed(2)}% of all weights.`,
      },
    ],
  });
}

/**
 * The largest share that the other branches may add if the identity's ratio is to nearly equal a class-A
 * weight.
 */
export const nearlyEqual = 0.2;

/** C2 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC2(reports: readonly (readonly OutlierRow[])[]): Claim {
  const identities = reports.map((rows) => rows.flatMap((row) => (row.identity ? [row.identity] : [])));
  const others = overSeeds(identities.map((rows) => meanOf(rows.map((row) => row.otherShare))));
  const correlation = overSeeds(
    identities.map((rows) => meanOf(rows.flatMap((row) => row.correlation ?? []))),
  );
  const percent = (of: MeanEstimate): string => percentWithin(limitedTo(intervalOf(of), 0, Infinity));
  return claimOf({
    id: 'C2',
    statement:
      'Class-A weights nearly equal the identity BN’s ratio r0; the other two branches contribute little there.',
    rule:
      `Held: mean |W_A − r0| is within ${100 * nearlyEqual}% of mean |W_A| (equivalence test), and |W_A| and |r0| correlate over ` +
      'channels with r > 0.5.',
    parts: [
      {
        name: 'plain BN',
        verdict: allOf([little(others, nearlyEqual), greater(shifted(correlation, -0.5))]),
        ...effectIn(others, percent),
        evidence:
          `Mean |W_A − r0| is ${percent(others)} of mean |W_A|; over channels, |W_A| and |r0| correlate with r = ` +
          `${numberWithin(limitedTo(intervalOf(correlation), -1, 1))}, averaged over blocks.`,
      },
    ],
  });
}
