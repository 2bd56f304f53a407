/**
 * @file The block `held-out` of the model card, as a function of the rows that `recipe/evaluation/evaluate.py` leaves.
 *
 * The intervals are those of every run: docs/statistics.md says which and why. The packages are the repositories.
 */

import { z } from 'zod';
import { markdownTable } from '../bench/page.js';
import { fixed, interval, signed } from '../src/report/format.js';
import { basisOf, numbered, type Clustered } from '../src/statistics/clusters.js';
import { clusteredMean, meanInterval } from '../src/statistics/mean-interval.js';
import {
  estimateDifference,
  estimateMean,
  judgeDifferences,
  measured,
  type Difference,
} from '../src/statistics/paired.js';
import { mean } from '../src/statistics/statistics.js';

const BASE = 'no-context';

const geometrySchema = z.strictObject({ meanCosine: z.number(), effectiveRank: z.number() });

const headSchema = z.strictObject({
  schema: z.literal('llava-eval/held-out@1'),
  bundle: z.string().min(1),
  version: z.string().min(1),
  holes: z.number().int().positive(),
  torch: z.string().min(1),
  device: z.string().min(1),
  encoder: geometrySchema,
  projector: geometrySchema,
});

const rowSchema = z.strictObject({
  pipeline: z.string().min(1),
  hole: z.number().int().nonnegative(),
  repository: z.string().min(1),
  promptTokens: z.number().int().positive(),
  exactMatch: z.union([z.literal(0), z.literal(1)]),
  editSimilarity: z.number().min(0).max(1),
  nats: z.number().nonnegative(),
});

export type HeldOutHead = z.infer<typeof headSchema>;
export type HeldOutRow = z.infer<typeof rowSchema>;

export interface HeldOut {
  /** What was measured. */
  readonly head: HeldOutHead;
  /** One a pipeline and hole. */
  readonly rows: readonly HeldOutRow[];
}

/**
 * Reads the rows of an evaluation.
 *
 * @param text  JSON lines: the head, then the rows.
 * @param where Where the text comes from, for messages.
 * @throws {RangeError} If a line is none of these, or a pipeline lacks a hole or has it twice.
 */
export function parseHeldOut(text: string, where: string): HeldOut {
  const lines = text.split('\n').filter((line) => line !== '');
  const parsed = <T>(schema: z.ZodType<T>, at: number): T => {
    const result = schema.safeParse(JSON.parse(lines[at] ?? 'null'));
    if (result.success) return result.data;
    throw new RangeError(
      `${where}, line ${at + 1}: ${z.prettifyError(result.error)}; run the evaluation again`,
    );
  };
  const head = parsed(headSchema, 0);
  const rows = lines.slice(1).map((_, i) => parsed(rowSchema, i + 1));
  for (const pipeline of pipelinesOf(rows)) {
    const holes = new Set(rows.filter((row) => row.pipeline === pipeline).map(({ hole }) => hole));
    const count = rows.filter((row) => row.pipeline === pipeline).length;
    if (holes.size === head.holes && count === head.holes) continue;
    throw new RangeError(
      `${where}: ${pipeline} has ${count} rows of ${holes.size} holes, the head says ${head.holes} holes; run the evaluation again`,
    );
  }
  return { head, rows };
}

/** One quality of one pipeline: a number a hole, in the order of the holes. */
interface Column {
  readonly pipeline: string;
  readonly exactMatch: Float64Array;
  readonly editSimilarity: Float64Array;
  readonly nats: Float64Array;
  readonly promptTokens: Float64Array;
}

type Clusters = Pick<Clustered, 'cluster' | 'count'>;

/**
 * The block as Markdown.
 *
 * @throws {RangeError} If there are no rows of `no-context`, which the others are set against.
 */
export function heldOutBlock({ head, rows }: HeldOut): string {
  const columns = pipelinesOf(rows).map((pipeline) => columnOf(rows, pipeline));
  const base = columns.find(({ pipeline }) => pipeline === BASE);
  if (base === undefined)
    throw new RangeError(`the rows are of ${pipelinesOf(rows).join(', ')}, not of ${BASE}`);
  const clusters = numbered(
    rows
      .filter(({ pipeline }) => pipeline === BASE)
      .sort(byHole)
      .map(({ repository }) => repository),
  );
  const others = columns.filter((column) => column !== base);
  return [
    `${head.holes} holes of ${clusters.count} packages; ${head.bundle} ${head.version}, PyTorch ${head.torch}, ${head.device}. ` +
      `${overWhat(clusters.count)} Bold: a difference is shown (Holm over the column, 5 %).`,
    markdownTable([
      ['Pipeline', 'Exact match', 'Edit similarity', 'Cross entropy', 'Mean prompt tokens'],
      ...columns.map((column) => [
        column.pipeline,
        percentCell(column.exactMatch, clusters, 'binary'),
        percentCell(column.editSimilarity, clusters, 'graded'),
        natsCell(column.nats, clusters),
        fixed(mean(column.promptTokens), 0),
      ]),
    ]),
    `Paired differences to \`${BASE}\`:`,
    differenceTable(others, base, clusters),
    'Geometry of the held-out chunk vectors: mean pairwise cosine ' +
      `${head.encoder.meanCosine} before the projector and ${head.projector.meanCosine} after it; effective rank ` +
      '(exponential of the entropy of the normalised singular values of the centred unit vectors) ' +
      `${head.encoder.effectiveRank} before and ${head.projector.effectiveRank} after.`,
  ].join('\n\n');
}

function overWhat(packages: number): string {
  switch (basisOf(packages)) {
    case 'repositories':
      return '95 % intervals over packages.';
    case 'tasks':
      return (
        '95 % intervals over holes, since so few packages tell nothing of the spread between packages: ' +
        'they speak about further holes of these packages and about no others.'
      );
  }
}

function pipelinesOf(rows: readonly HeldOutRow[]): string[] {
  return [...new Set(rows.map(({ pipeline }) => pipeline))];
}

function byHole(a: HeldOutRow, b: HeldOutRow): number {
  return a.hole - b.hole;
}

function columnOf(rows: readonly HeldOutRow[], pipeline: string): Column {
  const own = rows.filter((row) => row.pipeline === pipeline).sort(byHole);
  return {
    pipeline,
    exactMatch: Float64Array.from(own, (row) => row.exactMatch),
    editSimilarity: Float64Array.from(own, (row) => row.editSimilarity),
    nats: Float64Array.from(own, (row) => row.nats),
    promptTokens: Float64Array.from(own, (row) => row.promptTokens),
  };
}

function percentCell(values: Float64Array, clusters: Clusters, kind: 'binary' | 'graded'): string {
  const estimate = estimateMean({ values, ...clusters }, kind);
  return `${fixed(estimate.mean, 2)} ${interval(estimate.ci95, 2)}`;
}

/** Nats have no upper end, so the interval is not cut as that of a share is. */
function natsCell(values: Float64Array, clusters: Clusters): string {
  const estimate = clusteredMean(measured(values, clusters));
  const ends = estimate === null ? null : meanInterval(estimate);
  return `${fixed(mean(values), 3)} ${interval(ends, 3)}`;
}

function differenceTable(others: readonly Column[], base: Column, clusters: Clusters): string {
  const family = (quality: 'exactMatch' | 'editSimilarity' | 'nats'): readonly Difference[] =>
    judgeDifferences(
      others.map((column) =>
        estimateDifference(
          column[quality],
          base[quality],
          clusters,
          ({ exactMatch: 'binary', editSimilarity: 'graded', nats: 'unbounded' } as const)[quality],
        ),
      ),
    );
  const [exact, similar, nats] = [family('exactMatch'), family('editSimilarity'), family('nats')];
  return markdownTable([
    ['Pipeline', 'Exact match', 'Edit similarity', 'Cross entropy'],
    ...others.map(({ pipeline }, i) => [
      pipeline,
      differenceCell(exact[i]!, 1, 2),
      differenceCell(similar[i]!, 1, 2),
      // Differences come in percent; a hundredth of that is nats.
      differenceCell(nats[i]!, 0.01, 3),
    ]),
  ]);
}

function differenceCell({ delta, ci95, verdict }: Difference, scale: number, digits: number): string {
  const ends = ci95 === null ? null : ([ci95[0] * scale, ci95[1] * scale] as const);
  const text = `${signed(delta === null ? null : delta * scale, digits)} ${interval(ends, digits)}`.trimEnd();
  return verdict === 'tied' ? text : `**${text}**`;
}
