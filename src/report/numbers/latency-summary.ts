/**
 * @file From timed prompts to what they show: medians, paired ratios, the noise floor, the paper's figures.
 *
 * Rounds take the place of tasks: the ratio of two prompts is taken within a round, its interval is that of the
 * sign test over rounds, and speaks about this machine and these lengths.
 */

import { estimateRatio, judgeRatioColumn, type Ratio, type RatioEstimate } from '../../statistics/paired.js';
import { quantile, type Interval } from '../../statistics/statistics.js';
import { MEASURES, measuresOf, promptTokens, type LatencySample, type Measure } from '../../run/latency.js';
import type { LatencyRun } from '../../run/latency-json.js';
import { pipelineInRole, type PipelineName } from '../../pipelines/kinds.js';
import { createRng } from '../../tensor/rng.js';
import { paperTimes, reductionOf } from './paper-latency.js';

const FULL_TEXT = pipelineInRole('full-text');
const SOFT_TOKENS = pipelineInRole('soft-tokens');

/** One prompt length of one pipeline under one measure. */
export interface LatencyRow {
  /** Which of the lengths that were asked for, from 0. */
  readonly lengths: number;
  readonly measure: Measure;
  readonly pipeline: PipelineName;
  readonly promptTokens: number;
  readonly ttftMs: number;
  /** Time per output token behind the first; null for `first-token`. */
  readonly tokenMs: number | null;
  /** TTFT and all further tokens; null for `first-token`. */
  readonly lineMs: number | null;
  /** Against full-rag of the same lengths; null for full-rag itself. */
  readonly ttftRatio: Ratio | null;
  readonly lineRatio: Ratio | null;
  /** 1 - tokens / tokens of full-rag: what is saved if time is linear in length. Null for full-rag. */
  readonly linearReduction: number | null;
  /** What the paper saves there; null where it has no figure. */
  readonly paperReduction: number | null;
}

export interface LatencySummary {
  readonly rounds: number;
  readonly rows: readonly LatencyRow[];
  /** The first prompt of each measure timed twice: the ratio of the two, whose truth is 1. */
  readonly noiseFloor: Readonly<Partial<Record<Measure, TimedTwice>>>;
}

/** The median ratio of two timings of one prompt. */
export type TimedTwice = Pick<RatioEstimate, 'p50' | 'ci95' | 'p' | 'detectable'>;

/**
 * Summarises complete rounds.
 *
 * @param samples At least one round.
 */
export function summarizeLatency(
  { spec, decoder }: Pick<LatencyRun, 'spec' | 'decoder'>,
  samples: readonly LatencySample[],
): LatencySummary {
  const rounds = samples.reduce((most, { round }) => Math.max(most, round), 0);
  const rng = createRng(spec.seed);
  // Rounds of one machine: they speak for no other, so the interval is over them alone.
  const cluster = { cluster: new Int32Array(rounds), count: 1 };
  const series = (
    of: (sample: LatencySample) => number,
    wanted: Pick<LatencySample, 'lengths' | 'pipeline' | 'measure' | 'isControl'>,
  ): Float64Array => {
    const values = new Float64Array(rounds).fill(NaN);
    for (const sample of samples) {
      if (
        sample.lengths === wanted.lengths &&
        sample.pipeline === wanted.pipeline &&
        sample.measure === wanted.measure &&
        sample.isControl === wanted.isControl
      ) {
        values[sample.round - 1] = of(sample);
      }
    }
    return values;
  };
  const ttft = ({ embedMs, prefillMs }: LatencySample): number => embedMs + prefillMs;
  const line = (sample: LatencySample): number => ttft(sample) + (sample.decodeMs ?? NaN);
  const median = (values: Float64Array): number => quantile(values, 0.5) ?? NaN;

  const noiseFloor: Partial<Record<Measure, TimedTwice>> = {};
  const rows: LatencyRow[] = [];
  for (const measure of measuresOf(spec)) {
    const first = { lengths: 0, pipeline: FULL_TEXT, measure } as const;
    const again = estimateRatio(
      series(ttft, { ...first, isControl: true }),
      series(ttft, { ...first, isControl: false }),
      cluster,
      rng,
    );
    if (again !== null) {
      const { p50, ci95, p, detectable } = again;
      noiseFloor[measure] = { p50, ci95, p, detectable };
    }

    const drafts = spec.lengths.flatMap((lengths, i) =>
      promptTokens(lengths).map(([pipeline, tokens]) => {
        const wanted = { lengths: i, pipeline, measure, isControl: false };
        const base = { ...wanted, pipeline: FULL_TEXT };
        const ratio = (of: (sample: LatencySample) => number): RatioEstimate | null =>
          pipeline === FULL_TEXT ? null : estimateRatio(series(of, wanted), series(of, base), cluster, rng);
        const decodes = measure === 'line';
        const paper = pipeline === SOFT_TOKENS ? paperTimes(decoder.name, lengths) : null;
        return {
          row: {
            lengths: i,
            measure,
            pipeline,
            promptTokens: tokens,
            ttftMs: median(series(ttft, wanted)),
            tokenMs: decodes
              ? median(series(({ decodeMs }) => (decodeMs ?? NaN) / (spec.maxNewTokens - 1), wanted))
              : null,
            lineMs: decodes ? median(series(line, wanted)) : null,
            linearReduction: pipeline === FULL_TEXT ? null : 1 - tokens / lengths.fullRag,
            paperReduction: paper === null ? null : reductionOf(paper[measure]),
          },
          ttft: ratio(ttft),
          line: decodes ? ratio(line) : null,
        };
      }),
    );
    const floor: Interval | null = again?.ci95 ?? null;
    const ttftRatios = judgeRatioColumn(
      drafts.map((draft) => draft.ttft),
      floor,
      rng,
    );
    const lineRatios = judgeRatioColumn(
      drafts.map((draft) => draft.line),
      floor,
      rng,
    );
    for (const [i, { row }] of drafts.entries()) {
      rows.push({ ...row, ttftRatio: ttftRatios[i]!, lineRatio: lineRatios[i]! });
    }
  }
  return { rounds, rows, noiseFloor };
}

/** Rows by measure, in the order in which they are shown. */
export function rowsByMeasure({ rows }: LatencySummary): [Measure, readonly LatencyRow[]][] {
  return MEASURES.flatMap((measure): [Measure, readonly LatencyRow[]][] => {
    const own = rows.filter((row) => row.measure === measure);
    return own.length === 0 ? [] : [[measure, own]];
  });
}
