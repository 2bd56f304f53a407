/**
 * @file Normal and Student's t, and the one home of the package that computes them.
 *
 * Checked against SciPy to six digits or better (`test/golden/statistics.json`).
 */

import jstat from 'jstat';

/** P(Z <= z). @example normalCdf(0) // => 0.5 */
export function normalCdf(z: number): number {
  return jstat.normal.cdf(z, 0, 1);
}

/** The z with P(Z <= z) = p. @example normalQuantile(0.975) // => 1.95996... */
export function normalQuantile(p: number): number {
  return jstat.normal.inv(p, 0, 1);
}

/** Quantiles that were computed before. All intervals of a run have the same few degrees of freedom. */
const known = new Map<number, Map<number, number>>();

/**
 * The t with P(T <= t) = p.
 *
 * @param df Degrees of freedom, positive, not necessarily whole.
 * @example tQuantile(0.975, 7) // => 2.36462...
 */
export function tQuantile(p: number, df: number): number {
  let ofDf = known.get(df);
  if (ofDf === undefined) {
    if (known.size > 1000) known.clear();
    ofDf = new Map();
    known.set(df, ofDf);
  }
  let value = ofDf.get(p);
  if (value === undefined) {
    value = jstat.studentt.inv(p, df);
    ofDf.set(p, value);
  }
  return value;
}

/** P(|T| >= |t|), the two-sided p-value. @example tTest(0, 7) // => 1 */
export function tTest(t: number, df: number): number {
  return Math.abs(t) === Infinity ? 0 : Math.min(1, 2 * jstat.studentt.cdf(-Math.abs(t), df));
}
