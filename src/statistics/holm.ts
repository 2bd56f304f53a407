/**
 * @file Holm's correction. It keeps the chance of even one false claim in a family of tests at the level of the family.
 */

/**
 * Adjusted p-values, in the order given. A null stays null, but it counts as a member of the family with a p of 1.
 *
 * Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65. The i-th smallest of m is multiplied by
 * m - i + 1, and no adjusted value is below that of a smaller p.
 *
 * @example holm([0.01, 0.04, 0.03]) // => [0.03, 0.06, 0.06]
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const order = ps.map((p, i) => ({ p: p ?? 1, i })).sort((a, b) => a.p - b.p);
  const adjusted: (number | null)[] = ps.map(() => null);
  let least = 0;
  for (const [rank, { p, i }] of order.entries()) {
    least = Math.min(1, Math.max(least, p * (ps.length - rank)));
    if (ps[i] !== null) adjusted[i] = least;
  }
  return adjusted;
}
