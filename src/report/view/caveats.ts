/**
 * @file What a reader must know before quoting a number; each line follows from a fact of the run.
 */

import { pipelineInRole, usesSoftTokens } from '../../pipelines/kinds.js';
import { describeProfile } from '../../metrics/registry.js';
import { fallbackNote } from '../../inference/device-proof.js';
import { SAMPLES_FOR } from '../../statistics/statistics.js';
import { hidesSuffix } from '../../prompt/fim.js';
import type { RunJson } from '../../run/run-json.js';
import { isTimed } from '../../run/run-spec.js';
import { fixed, interval } from '../format.js';
import { describeNothingFound, nothingFound } from '../numbers/found.js';
import { unscored, type Inference, type Summary, type SummaryRow } from '../numbers/summary.js';
import type { Comparison } from '../numbers/verdicts.js';
import { embeddedTraining } from './embedded-training.js';

/** The decoder this package carries with it. */
const EMBEDDED = /^llavacode-nano/;
/** Exact matches below which EM tells configurations apart only by luck. */
const FEW_MATCHES = 10;

/**
 * Most important first.
 *
 * @param shown The rows the report is about.
 * @param own   The comparisons of the pipeline the report is about.
 */
export function caveats(
  summary: Summary,
  run: RunJson,
  shown: readonly SummaryRow[],
  own: readonly Comparison[],
): string[] {
  const lines: string[] = [];
  const scored = Math.min(...summary.rows.map((row) => row.tasks.scored));
  if (run.finishedAt === null) {
    lines.push('The run was not finished; this is a report on what it had recorded.');
  }
  const fallback = run.deviceProof === null ? null : fallbackNote(run.deviceProof);
  if (fallback !== null) {
    lines.push(
      `The decoder is not shown to have run on ${run.spec.device} alone: ${fallback}. --require-device refuses such a run.`,
    );
  }
  const { server } = run.spec;
  if (server !== undefined) {
    lines.push(
      'A server ran the decoder: TTFT has the request, the network and the answer in it. Text went as ids, prompts with soft ' +
        'tokens as embeddings.',
    );
    if (server.prefixCaching === true) {
      lines.push(
        'The server remembered prompts (--allow-prefix-cache): prompts that begin alike were not computed twice.',
      );
    }
    if (run.spec.referenceEnd !== undefined && shown.some((row) => usesSoftTokens(row.pipeline))) {
      lines.push('vLLM tells no likelihood behind embeddings, so rows with soft tokens have none.');
    }
  }
  const empty = nothingFound(summary.rows, summary.spec.topK);
  if (empty.length > 0) {
    lines.push(
      `In this run ${describeNothingFound(empty)}. A prompt without chunks is that of ${pipelineInRole('no-retrieval')}, so that nothing can differ ` +
        'there. Does the retrieval profile look for files of this kind, and has each repository a second file?',
    );
  }
  for (const line of unscored(summary.rows, summary.spec.topK)) {
    lines.push(`${line}. These tasks are left out of the means, not counted as 0.`);
  }
  if (run.skippedRecords > 0) {
    lines.push(`${run.skippedRecords} damaged records of the dataset were left out (--skip-invalid).`);
  }
  const matches = shown.flatMap((row) =>
    row.exactMatch.mean === null ? [] : [Math.round((row.exactMatch.mean / 100) * row.tasks.scored)],
  );
  if (matches.length > 0 && matches.every((count) => count < FEW_MATCHES)) {
    lines.push(
      `No configuration answered more than ${Math.max(...matches)} of ${scored} tasks exactly: EM can hardly tell them ` +
        'apart, and "tied" says little. Read ES, or take a larger model or more tasks.',
    );
  }
  if (EMBEDDED.test(run.models.bundle)) {
    lines.push(
      `The embedded model is tiny${embeddedTraining()}. Its card says what it is good for: ` +
        'latency and the whole chain, offline. Quality of published decoders is far higher.',
    );
  }
  if (!isTimed(run.spec)) {
    lines.push('Nothing was timed (--no-timing), so this report says nothing about latency.');
  } else if (scored < SAMPLES_FOR.p90) {
    lines.push(`${scored} tasks are too few for a p90, which needs ${SAMPLES_FOR.p90}.`);
  } else if (scored < SAMPLES_FOR.p99) {
    lines.push(`${scored} tasks are too few for a p99, which needs ${SAMPLES_FOR.p99}.`);
  }
  const detectable = own.flatMap(({ exactMatch }) => exactMatch.detectable ?? []);
  if (detectable.length > 0) {
    lines.push(
      `"Tied" means that no difference is shown, not that there is none: a difference in EM of less than ` +
        `${fixed(Math.max(...detectable), 1)} points would more likely than not have stayed unseen in some comparison.`,
    );
  }
  if (own.some(({ exactMatch }) => exactMatch.detectable === null)) {
    lines.push('In some comparison so few tasks would find no difference in EM that can be.');
  }
  const again = summary.noiseFloor?.ratio;
  if (again?.ci95 && (again.ci95[0] > 1 || again.ci95[1] < 1)) {
    lines.push(
      `The same prompt timed twice differs systematically, by a factor of ${fixed(again.p50, 3)} ` +
        `${interval(again.ci95, 3)}: something disturbed the clock. Time on a quiet machine.`,
    );
  }
  if (run.spec.ttftRepeats === 1) {
    lines.push('Each prompt was timed once; --ttft-repeats takes the median of several.');
  }
  lines.push(
    `EM and ES follow the profile ${summary.spec.metricProfile}: ${describeProfile(summary.spec.metricProfile)}. Figures of ` +
      'other profiles are not comparable.',
    `Retrieval follows ${summary.spec.retrievalProfile}. The target file is excluded by its path; copies of the line ` +
      'elsewhere in the repository are not removed, as in the published harnesses.',
    `Intervals are over ${describeBasis(summary.inference)}.`,
  );
  if (hidesSuffix(summary.decoder.promptFamily)) {
    lines.push(
      `The decoder does not fill in the middle (prompts: ${summary.decoder.promptFamily}): it saw the code before the hole and what ` +
        'was retrieved, nothing of what follows. Figures of decoders that see both sides are not comparable.',
    );
  }
  if (summary.retrieverEncoder !== null) {
    lines.push(
      `The retriever unixcoder ranks by the encoder of ${summary.retrieverEncoder.name}, not by Microsoft's weights ` +
        'unless that is what was given.',
    );
  }
  if (run.git?.isDirty === true) {
    lines.push('The working folder had changes that its commit does not hold.');
  }
  return lines;
}

function describeBasis({ basis, repositories }: Inference): string {
  return basis === 'repositories'
    ? `${repositories} repositories, as a sample of others like them`
    : `the tasks of ${repositories === 1 ? 'one repository' : `${repositories} repositories`}, and say nothing about others`;
}
