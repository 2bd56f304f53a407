/**
 * @file From readings to the numbers of a probe: means over tasks and chunks, and paired differences with intervals over
 * repositories where there are enough of them (docs/statistics.md).
 */

import type { Agreement } from '../../probe/agreement.js';
import type { Geometry } from '../../probe/geometry.js';
import { CARRIED, type Carried, type CarriedChunk } from '../../probe/identifiers.js';
import { PERTURBATIONS } from '../../probe/perturbations.js';
import type { SmoothnessTask, Unread } from '../../probe/smoothness.js';
import { numbered, type Clustered } from '../../statistics/clusters.js';
import { clusteredMean, meanInterval } from '../../statistics/mean-interval.js';
import {
  estimateDifference,
  estimateMean,
  judgeDifferences,
  measured,
  type Difference,
} from '../../statistics/paired.js';
import { judgeNats, natsGain } from '../numbers/likelihood.js';
import { PROBE_SCHEMA, type Probe, type ProbeDifference, type ProbeEstimate } from './probe-json.js';

/** What a probe has measured. */
export interface ProbeReadings extends Pick<Probe, 'spec' | 'models' | 'limits'> {
  readonly collapse: {
    readonly found: number;
    readonly measured: number;
    readonly encoder: Geometry;
    readonly softTokens: Geometry;
    readonly meanNorm: number;
    readonly agreement: Agreement;
  };
  readonly tasks: readonly SmoothnessTask[];
  /** Why the other tasks have no readings, one for each. */
  readonly unreadTasks: readonly Unread[];
  readonly chunks: readonly CarriedChunk[];
  readonly unreadChunks: number;
}

/** The content of `probe.json`; a function of the readings alone. */
export function summarizeProbe(readings: ProbeReadings): Probe {
  const { spec, models, limits, collapse } = readings;
  const { encoded, projected } = collapse.agreement;
  return {
    ...{ schema: PROBE_SCHEMA, spec, models, limits },
    collapse: {
      ...collapse,
      agreement: { ...collapse.agreement, encoded: [...encoded], projected: [...projected] },
    },
    smoothness: smoothness(readings),
    identifiers: identifiers(readings),
  };
}

type Clusters = Pick<Clustered, 'cluster' | 'count'>;

function smoothness({ tasks, unreadTasks }: ProbeReadings): Probe['smoothness'] {
  const clusters = numbered(tasks.map(({ repository }) => repository));
  const base = column(tasks, ({ unchanged }) => unchanged.nats);
  const columns = PERTURBATIONS.map((_, p) => column(tasks, ({ perturbed }) => perturbed[p]!.nats));
  const differences = judgeNats(columns.map((nats) => natsGain(nats, base, clusters)));
  const unread = (reason: Unread): number => unreadTasks.filter((one) => one === reason).length;
  return {
    unchanged: natsMean(base, clusters),
    rows: PERTURBATIONS.map((perturbation, p) => ({
      perturbation,
      nats: shown(differences[p]!),
      changed: estimateMean(
        values(tasks, clusters, ({ unchanged, perturbed }) =>
          perturbed[p]!.completion === unchanged.completion ? 0 : 1,
        ),
        'binary',
      ),
      similarity: estimateMean(
        values(tasks, clusters, ({ perturbed }) => perturbed[p]!.similarity),
        'graded',
      ),
    })),
    unread: {
      noChunks: unread('no-chunks'),
      promptTooLong: unread('prompt-too-long'),
      noOtherChunk: unread('no-other-chunk'),
    },
    withoutNats: [base, ...columns].reduce((sum, nats) => sum + nats.filter(Number.isNaN).length, 0),
    tasks: tasks.map((task) => ({ ...task, perturbed: [...task.perturbed] })),
  };
}

function identifiers({ chunks, unreadChunks }: ProbeReadings): Probe['identifiers'] {
  const clusters = numbered(chunks.map(({ repository }) => repository));
  const nats = (behind: Carried): Float64Array => column(chunks, ({ readings }) => readings[behind].nats);
  const recall = (behind: Carried): Float64Array =>
    column(chunks, ({ readings, names }) => readings[behind].recalled / names);
  const bases = CARRIED.filter((behind) => behind !== 'own');
  const natsOf = judgeNats(bases.map((base) => natsGain(nats('own'), nats(base), clusters)));
  const recallOf = judgeDifferences(
    bases.map((base) => estimateDifference(recall('own'), recall(base), clusters, 'graded')),
  );
  return {
    rows: CARRIED.map((behind) => ({
      behind,
      nats: natsMean(nats(behind), clusters),
      recall: estimateMean({ ...clusters, values: recall(behind) }, 'graded'),
    })),
    differences: bases.map((base, i) => ({
      base,
      nats: shown(natsOf[i]!),
      recall: slim(recallOf[i]!),
    })),
    unread: unreadChunks,
    chunks: chunks.map((chunk) => ({ ...chunk, readings: { ...chunk.readings } })),
  };
}

/** One number a task or chunk, NaN where there is none. */
function column<T>(of: readonly T[], value: (one: T) => number | null): Float64Array {
  return Float64Array.from(of, (one) => value(one) ?? NaN);
}

function values<T>(of: readonly T[], clusters: Clusters, value: (one: T) => number): Clustered {
  return { ...clusters, values: column(of, value) };
}

function natsMean(nats: Float64Array, clusters: Clusters): ProbeEstimate {
  const data = measured(nats, clusters);
  const mean = clusteredMean(data);
  if (mean === null) return { mean: data.values[0] ?? null, ci95: null };
  const [low, high] = meanInterval(mean);
  return { mean: mean.mean, ci95: [Math.max(0, low), high] };
}

/** Null where no pair has both numbers. */
function shown(of: Difference): ProbeDifference | null {
  return of.delta === null ? null : slim(of);
}

function slim({ delta, ci95, pAdjusted, verdict, won, lost }: Difference): ProbeDifference {
  return { delta, ci95, pAdjusted, verdict, won, lost };
}
