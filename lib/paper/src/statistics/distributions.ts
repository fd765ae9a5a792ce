/** Quantiles and tails of Student's t and the normal distribution, from jStat; exact to about 1e-8. */
import jStat from 'jstat';

/** From here on t is the normal distribution to more digits than jStat's t has. */
const normalFrom = 1e6;

/** t with P(T ≤ t) = `p` for `df` > 0 degrees of freedom; `df` may be a fraction or Infinity. */
export function tQuantile(p: number, df: number): number {
  return df < normalFrom ? jStat.studentt.inv(p, df) : jStat.normal.inv(p, 0, 1);
}

/** P(T ≥ t) for `df` > 0 degrees of freedom. */
export function tTail(t: number, df: number): number {
  return df < normalFrom ? jStat.studentt.cdf(-t, df) : jStat.normal.cdf(-t, 0, 1);
}
