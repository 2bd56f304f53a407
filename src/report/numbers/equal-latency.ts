/**
 * @file Quality at equal latency: what text would score if it had to be as fast as soft tokens.
 *
 * The curve of text goes through no-context and full-rag at each top-k of a sweep. Of its points only those
 * count that no faster one equals in quality; between two of them quality is taken to grow in proportion to
 * TTFT. This is an estimate without an interval; a base of equal length (`budget-rag`) measures the same thing.
 */

/** One point of a curve: TTFT p50 in ms, quality in percent. */
export interface CurvePoint {
  readonly ttftMs: number;
  readonly quality: number;
}

/** The points that no other beats: from fast to slow, each better than all before it. */
export function frontier(points: readonly CurvePoint[]): CurvePoint[] {
  const sorted = [...points].sort((a, b) => a.ttftMs - b.ttftMs || b.quality - a.quality);
  const kept: CurvePoint[] = [];
  for (const point of sorted) {
    const best = kept.at(-1);
    if (best === undefined || point.quality > best.quality) kept.push(point);
  }
  return kept;
}

/**
 * Quality of a curve at a latency.
 *
 * @returns null below its fastest point, where it has none; its best beyond the slowest.
 * @example qualityAt([{ ttftMs: 20, quality: 30 }, { ttftMs: 60, quality: 38 }], 30) // => 32
 */
export function qualityAt(points: readonly CurvePoint[], ttftMs: number): number | null {
  const kept = frontier(points);
  const after = kept.findIndex((point) => point.ttftMs > ttftMs);
  if (after === 0 || kept.length === 0) return null;
  if (after === -1) return kept.at(-1)!.quality;
  const [a, b] = [kept[after - 1]!, kept[after]!];
  return a.quality + ((b.quality - a.quality) * (ttftMs - a.ttftMs)) / (b.ttftMs - a.ttftMs);
}
