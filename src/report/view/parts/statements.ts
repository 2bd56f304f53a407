/**
 * @file What the numbers show, in sentences. A difference that the run does not show is called tied, never
 * better or worse; nothing is said that the run has not measured.
 */

import type { Ratio, Verdict } from '../../../statistics/paired.js';
import type { Interval } from '../../../statistics/statistics.js';
import type { PipelineName } from '../../../pipelines/kinds.js';
import { enumerate, fixed, interval, signed } from '../../format.js';
import type { NatsDifference } from '../../numbers/likelihood.js';
import type { Comparison } from '../../numbers/verdicts.js';

/** Percent by which a ratio is below or above 1, with its interval turned the same way. */
export function change({ p50, ci95 }: Ratio): { readonly percent: number; readonly ci95: Interval | null } {
  return {
    percent: (p50 - 1) * 100,
    ci95: ci95 === null ? null : [(ci95[0] - 1) * 100, (ci95[1] - 1) * 100],
  };
}

/** @example 'TTFT 53.3 % below full-rag [50.6, 55.9]' */
function latencyPhrase(ratio: Ratio, base: PipelineName): string {
  const { percent, ci95 } = change(ratio);
  const size = fixed(Math.abs(percent), 1);
  const ends = (isLess: boolean): string =>
    ci95 === null ? '' : ` ${interval(isLess ? turned(ci95) : ci95, 1)}`;
  switch (ratio.verdict) {
    case 'better':
      return `TTFT ${size} % below ${base}${ends(true)}`;
    case 'worse':
      return `TTFT ${size} % above ${base}${ends(false)}`;
    case 'tied':
      return `TTFT tied with ${base} (${signed(percent, 1)} %${ends(false)})`;
  }
}

/**
 * One line about a pipeline with one retriever: numbers where something is shown, "tied" where nothing is. It says nothing
 * of times that were not measured.
 *
 * @param comparisons Of that pipeline with that retriever; not empty.
 */
export function retrieverStatement(comparisons: readonly Comparison[]): string {
  const latencies = comparisons.flatMap(({ ttftRatio, base }) =>
    ttftRatio === null ? [] : [latencyPhrase(ttftRatio, base.pipeline)],
  );
  const qualities = comparisons.map((comparison) => ({
    base: comparison.base.pipeline,
    metrics: [
      ...(comparison.likelihood === null
        ? []
        : [{ metric: 'likelihood', difference: comparison.likelihood.perToken }]),
      { metric: 'EM', difference: comparison.exactMatch },
      { metric: 'ES', difference: comparison.editSimilarity },
    ].map(({ metric, difference }) => ({ metric, difference, verdict: difference.verdict })),
  }));
  const shown = qualities.flatMap(({ base, metrics }) =>
    metrics.flatMap(({ metric, difference, verdict }) =>
      verdict === 'tied'
        ? []
        : metric === 'likelihood'
          ? [natsPhrase(difference, base)]
          : [
              `${metric} ${fixed(Math.abs(difference.delta ?? 0), 2)} points ${verdict === 'better' ? 'above' : 'below'} ` +
                `${base} ${interval(verdict === 'better' ? difference.ci95 : turned(difference.ci95), 2)}`,
            ],
    ),
  );
  const tied = new Map<string, string[]>();
  for (const { base, metrics } of qualities) {
    const names = metrics.filter(({ verdict }) => verdict === 'tied').map(({ metric }) => metric);
    if (names.length === 0) continue;
    const key = enumerate(names);
    tied.set(key, [...(tied.get(key) ?? []), base]);
  }
  const ties = [...tied].map(([names, bases]) => `${names} tied with ${enumerate(bases)}`);
  return `${[...(latencies.length === 0 ? [] : [latencies.join(', ')]), ...shown, ...ties].join('; ')}.`;
}

/** @example 'the true line costs 0.161 nats a token less than with no-context [0.060, 0.262]' */
function natsPhrase({ delta, ci95, verdict }: NatsDifference, base: string): string {
  const isLess = verdict === 'better';
  const size = fixed(Math.abs(delta ?? 0), 3);
  const ends = interval(isLess ? turned(ci95) : ci95, 3);
  return `the true line costs ${size} nats a token ${isLess ? 'less' : 'more'} than with ${base} ${ends}`.trimEnd();
}

/** The interval of a quantity whose sign is turned, as in "7 points below [4, 10]". */
function turned(ends: Interval | null): Interval | null {
  return ends === null ? null : [-ends[1], -ends[0]];
}

/**
 * The sentence on top: TTFT and quality of one pipeline over all retrievers, or quality alone where nothing was timed.
 *
 * @param comparisons Of that pipeline; not empty.
 */
export function headline(comparisons: readonly Comparison[]): string {
  const subject = comparisons[0]!.of.pipeline;
  const bases = [...new Set(comparisons.map(({ base }) => base.pipeline))];
  // Bases about which the same is to be said share a clause.
  const clauses = new Map<string, PipelineName[]>();
  for (const base of bases) {
    const claim = claims(comparisons.filter((comparison) => comparison.base.pipeline === base));
    clauses.set(claim, [...(clauses.get(claim) ?? []), base]);
  }
  return `${subject}: ${[...clauses].map(([claim, names]) => `against ${enumerate(names)}, ${claim}`).join('; ')}.`;
}

/** TTFT and quality over all retrievers, against one base. @example 'TTFT, EM and ES are tied' */
export function claims(comparisons: readonly Comparison[]): string {
  const latency = latencyClaim(comparisons);
  const quality = qualityClaim(comparisons);
  if (latency === null) return quality;
  if (latency !== 'TTFT is tied') return `${latency}, ${quality}`;
  if (quality === 'EM and ES are tied') return 'TTFT, EM and ES are tied';
  return quality === 'likelihood, EM and ES are tied'
    ? 'TTFT, likelihood, EM and ES are tied'
    : `${latency}, ${quality}`;
}

/** Over all retrievers, against one base; null where nothing was timed. @example 'TTFT is 51 to 55 % lower' */
function latencyClaim(comparisons: readonly Comparison[]): string | null {
  const ratios = comparisons.flatMap(({ ttftRatio }) => ttftRatio ?? []);
  if (ratios.length === 0) return null;
  const verdicts = ratios.map(({ verdict }) => verdict);
  const sizes = ratios.map((ratio) => Math.abs(change(ratio).percent));
  if (verdicts.every((verdict) => verdict === 'better')) return `TTFT is ${range(sizes, 0)} % lower`;
  if (verdicts.every((verdict) => verdict === 'worse')) return `TTFT is ${range(sizes, 0)} % higher`;
  return `TTFT is ${tally(verdicts, { better: 'lower', worse: 'higher' })}`;
}

/** Over all retrievers, against one base. @example 'EM and ES are tied' */
function qualityClaim(comparisons: readonly Comparison[]): string {
  const words = { better: 'higher', worse: 'lower' };
  const nats = comparisons.flatMap(({ likelihood }) => likelihood?.perToken.verdict ?? []);
  const likelihood = nats.length === 0 ? null : tally(nats, words);
  const em = tally(
    comparisons.map(({ exactMatch }) => exactMatch.verdict),
    words,
  );
  const es = tally(
    comparisons.map(({ editSimilarity }) => editSimilarity.verdict),
    words,
  );
  if (likelihood === null) return em === es ? `EM and ES are ${em}` : `EM is ${em}, ES ${es}`;
  if (likelihood === em && em === es) return `likelihood, EM and ES are ${em}`;
  return `the likelihood of the true line is ${likelihood}, ${em === es ? `EM and ES are ${em}` : `EM is ${em}, ES ${es}`}`;
}

/** @example tally(['better', 'tied', 'tied'], …) // => 'higher with 1 of 3 retrievers, else tied' */
function tally(
  verdicts: readonly Verdict[],
  words: { readonly better: string; readonly worse: string },
): string {
  const count = (verdict: Verdict): number => verdicts.filter((other) => other === verdict).length;
  const parts = (['better', 'worse'] as const).flatMap((verdict) => {
    const n = count(verdict);
    if (n === 0) return [];
    return [
      n === verdicts.length ? words[verdict] : `${words[verdict]} with ${n} of ${verdicts.length} retrievers`,
    ];
  });
  if (parts.length === 0) return 'tied';
  return count('tied') === 0 ? parts.join(', ') : `${parts.join(', ')}, else tied`;
}

/** The span of some values. @example range([27.5, 28.3], 1) // => '27.5 to 28.3' */
export function range(values: readonly number[], digits: number): string {
  const low = fixed(Math.min(...values), digits);
  const high = fixed(Math.max(...values), digits);
  return low === high ? low : `${low} to ${high}`;
}
