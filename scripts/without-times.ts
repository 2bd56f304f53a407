/**
 * @file A summary without everything that is a time or follows from times: what two runs of one setting have in common.
 */

/** Fields that hold times, ratios of times, or what is said about either. */
const TIMES: ReadonlySet<string> = new Set([
  'ttftMs',
  'ttftColdMs',
  'stagesMs',
  'ttftReductionVsFullRag',
  'ttftRatio',
  'noiseFloor',
]);

/**
 * The text of a `summary.json` without its times.
 *
 * @example withoutTimes('{"seed":0,"rows":[{"ttftMs":{"p50":3}}]}') // => '{\n  "seed": 0,\n  "rows": [\n    {}\n  ]\n}'
 */
export function withoutTimes(summary: string): string {
  const content: unknown = JSON.parse(summary);
  const dropTimes = (key: string, value: unknown): unknown => (TIMES.has(key) ? undefined : value);
  return JSON.stringify(content, dropTimes, 2);
}
