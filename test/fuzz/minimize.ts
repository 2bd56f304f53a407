/**
 * @file Makes an input smaller that shows a finding: pieces are left out, halves first, as long as the same kind of
 * finding stays.
 */

/**
 * The smallest input found.
 *
 * @param stillFails Whether an input shows the same kind of finding.
 * @param mostTries  Each try costs up to the time limit of a reading.
 */
export async function minimize(
  input: Buffer,
  stillFails: (smaller: Buffer) => Promise<boolean>,
  mostTries = 120,
): Promise<Buffer> {
  let best = input;
  let tries = 0;
  for (let size = best.length >> 1; size >= 1 && tries < mostTries; size >>= 1) {
    let at = 0;
    while (at < best.length && tries < mostTries) {
      const smaller = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      tries++;
      if (await stillFails(smaller)) best = smaller;
      else at += size;
    }
  }
  return best;
}
