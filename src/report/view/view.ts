/**
 * @file A run as a reader meets it: verdict, sections with tables and charts, caveats, environment.
 *
 * A pure function of what the run left on disk. `markdown.ts` and `html/` write the same view in two
 * languages and add no number of their own.
 */

import { pipelineInRole, readingOf } from '../../pipelines/kinds.js';
import type { TaskRecord } from '../../run/record.js';
import type { RecordTable } from '../../run/record-table.js';
import type { RunJson } from '../../run/run-json.js';
import { describeNothingFound, nothingFound } from '../numbers/found.js';
import type { Summary } from '../numbers/summary.js';
import { caveats } from './caveats.js';
import { environment, type Fact } from './environment.js';
import { contextOf, type Context } from './parts/context.js';
import { explainedGains } from './parts/explained.js';
import type { Section } from './parts/section.js';
import { headline, retrieverStatement } from './parts/statements.js';
import { SECTIONS } from './sections/all.js';

export type { Cell, Column, Section, Table } from './parts/section.js';

export interface ReportView {
  readonly title: string;
  /** What was run, in one line. */
  readonly facts: readonly string[];
  /** The sentence on top. */
  readonly headline: string;
  /** One a retriever. */
  readonly statements: readonly { readonly subject: string; readonly text: string }[];
  readonly sections: readonly Section[];
  readonly caveats: readonly string[];
  readonly environment: readonly Fact[];
}

/**
 * Builds the view.
 *
 * @param records Those of the journal, as a table or one by one.
 */
export function reportView(
  summary: Summary,
  run: RunJson,
  records: RecordTable | Iterable<TaskRecord>,
): ReportView {
  const context = contextOf(summary, records);
  return {
    title: `${summary.dataset.id}: ${summary.decoder.name}`,
    facts: facts(summary),
    headline: headlineIn(context),
    statements: statements(context),
    sections: SECTIONS.flatMap((section) => section(context) ?? []),
    caveats: caveats(summary, run, context.shown, context.own),
    environment: environment(summary, run),
  };
}

/** What a run shows, in the sentences that stand on top of its report. */
export function headlineOf(summary: Summary): string {
  return headlineIn(contextOf(summary, []));
}

function headlineIn(context: Context): string {
  const sentences = [verdict(context), explainedGains(attributionsShown(context))];
  return sentences.filter((text) => text !== '').join(' ');
}

/** The sentence about the comparisons. */
function verdict(context: Context): string {
  const empty = nothingFound(context.summary.rows, context.summary.spec.topK);
  if (empty.length === 0) return comparisonVerdict(context);
  const text = describeNothingFound(empty);
  return `R${text.slice(1)}: most prompts compared here show no retrieved code. ${comparisonVerdict(context)}`;
}

function comparisonVerdict({ own, summary }: Context): string {
  if (own.length > 0) return headline(own);
  const pipelines = [...new Set(summary.rows.map(({ pipeline }) => pipeline))];
  if (pipelines.length === 1) return 'One pipeline was run; there is nothing to compare.';
  const areCompared = pipelines.some((of) => pipelines.some((base) => readingOf(of, base) !== null));
  return areCompared
    ? 'No task was scored by two pipelines that are compared with each other.'
    : `No two pipelines of this run are compared with each other. Run ${pipelineInRole('no-retrieval')} beside them.`;
}

/** Those at the top-k that the sentences are about. */
function attributionsShown({ summary, topK }: Context): Summary['attributions'] {
  return summary.attributions.filter(({ of }) => of.topK === topK);
}

/** One a retriever; one in all for a pipeline that retrieves nothing. */
function statements({ own }: Context): ReportView['statements'] {
  const retrievers = [...new Set(own.map(({ of }) => of.retriever))];
  return retrievers.map((retriever) => {
    const comparisons = own.filter(({ of }) => of.retriever === retriever);
    const { pipeline } = comparisons[0]!.of;
    return {
      subject: retriever === null ? pipeline : `${pipeline}/${retriever}`,
      text: retrieverStatement(comparisons),
    };
  });
}

function facts(summary: Summary): string[] {
  return [
    `${summary.dataset.tasks} tasks`,
    summary.spec.topK.length === 0 ? 'no retrieval' : `top-k ${summary.spec.topK.join(', ')}`,
    `context ${summary.spec.contextPlacement}`,
    `${summary.device} ${summary.spec.dtype}`,
    `seed ${summary.spec.seed}`,
    `run ${summary.fingerprint.slice(0, 12)}`,
  ];
}
