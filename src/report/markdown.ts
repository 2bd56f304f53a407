/**
 * @file `report.md`: the same numbers with intervals, stages, environment and caveats.
 */

import { configurationLabel, type Configuration } from '../run/record.js';
import type { RunJson } from '../run/run-json.js';
import { SAMPLES_FOR } from '../metrics/statistics.js';
import { fixed, interval, pValue, signed } from './format.js';
import type { Estimate } from '../metrics/paired.js';
import { STAGES, unscored, type Inference, type Latency, type Summary, type SummaryRow } from './summary.js';

/** The whole report, a function of its arguments alone: making it again gives the same bytes. */
export function renderMarkdown(summary: Summary, run: RunJson): string {
  const { hardware, spec, git } = run;
  const isSweep = summary.topK.length > 1;
  const label = (row: Configuration): string => configurationLabel(row, summary.topK);
  const commit = git === null ? '' : ` (${git.commit.slice(0, 12)}${git.isDirty ? ', modified' : ''})`;
  return [
    `# ${summary.dataset.id}: ${summary.decoder.name}`,
    '',
    `${summary.dataset.tasks} tasks, ${summary.topK.length === 0 ? 'no retrieval' : `top-${summary.topK.join(', ')}`}, context placed ${summary.contextPlacement}, ` +
      `${summary.device} ${summary.dtype}, seed ${summary.seed}. Intervals are 95 %, ` +
      `over ${describeBasis(summary.inference)}.`,
    '',
    '## Quality and latency',
    '',
    table(
      [
        'pipeline',
        'retriever',
        ...(isSweep ? ['k'] : []),
        'n',
        'EM %',
        'ES %',
        'TTFT p50 ms',
        'p90',
        'cold TTFT p50 ms',
        'p90',
        'prompt tokens',
      ],
      summary.rows.map((row) => [
        row.pipeline,
        row.retriever ?? '',
        ...(isSweep ? [fixed(row.topK, 0)] : []),
        String(row.tasks.scored),
        estimate(row.exactMatch),
        estimate(row.editSimilarity),
        ...percentiles(row.ttftMs),
        ...percentiles(row.ttftColdMs),
        fixed(row.promptTokens.mean, 0),
      ]),
    ),
    '',
    'TTFT: prompt embedding and prefill up to the first token id on the host, soft tokens precomputed as an ' +
      'editor would keep them. Cold TTFT adds retrieval, tokenizing, encoding and projecting. ' +
      `A percentile is given only where the sample supports it (p90 from ${SAMPLES_FOR.p90}, p99 from ` +
      `${SAMPLES_FOR.p99} tasks).`,
    '',
    ...section(
      'Compressed against full-rag: TTFT',
      ['configuration', 'pairs', 'reduction of TTFT %', '95 % interval'],
      summary.rows.flatMap((row) => {
        const r = row.ttftReductionVsFullRag;
        if (r === null) return [];
        const percent = r.ci95 === null ? null : ([r.ci95[0] * 100, r.ci95[1] * 100] as const);
        return [[label(row), String(r.pairs), fixed(r.p50 * 100, 1), interval(percent, 1)]];
      }),
    ),
    ...noiseFloor(summary),
    ...section('Against no-context', DIFFERENCE_HEAD, differences(summary.rows, label)),
    ...section(
      'Lines that use an identifier of another file',
      ['configuration', 'n', 'EM %', 'ES %', ...DIFFERENCE_HEAD.slice(1)],
      summary.crossFileRows.map((row) => [
        label(row),
        String(row.tasks.scored),
        fixed(row.exactMatch.mean, 2),
        fixed(row.editSimilarity.mean, 2),
        ...(differences([row], label)[0]?.slice(1) ?? DIFFERENCE_HEAD.slice(1).map(() => '')),
      ]),
    ),
    ...section(
      'Stages, median ms',
      ['configuration', ...STAGES, 'chunks', 'soft tokens', 'generated tokens'],
      summary.rows.map((row) => [
        label(row),
        ...STAGES.map((stage) => fixed(row.stagesMs[stage], 2)),
        fixed(row.chunks.mean, 1),
        fixed(row.softTokens.mean, 1),
        fixed(row.generatedTokens.mean, 1),
      ]),
    ),
    '## Read with care',
    '',
    ...caveats(summary, summary.rows),
    '',
    '## Environment',
    '',
    `- llava-eval ${spec.program.version}${commit}, onnxruntime ${spec.program.onnxruntime}, ` +
      `Node ${hardware.node}, ${hardware.platform}`,
    `- ${hardware.cpu}, ${hardware.cores} logical cores, ${hardware.memoryGiB} GiB; ${spec.threads} threads`,
    `- started ${run.startedAt}`,
    `- data: ${run.data.map(({ origin, licence }) => `${origin} (${licence ?? 'licence not stated'})`).join(', ')}`,
    `- decoder \`${summary.decoder.identity.slice(0, 12)}\`` +
      (summary.encoder === null ? '' : `, encoder \`${summary.encoder.identity.slice(0, 12)}\``) +
      `, dataset \`${summary.dataset.contentHash.slice(0, 12)}\`, run \`${summary.fingerprint.slice(0, 12)}\``,
    '',
  ].join('\n');
}

/** The A/A comparison. */
function noiseFloor({ noiseFloor: floor, topK }: Summary): string[] {
  if (floor === null) return [];
  const { configuration, pairs, ratio } = floor;
  return [
    '## Noise floor of TTFT',
    '',
    `Each task timed its prompt of ${configurationLabel(configuration, topK)} twice, in two places of the random ` +
      `order: the median ratio of the second timing to the first is ${fixed(ratio.p50, 3)} ` +
      `${interval(ratio.ci95, 3)} over ${pairs} pairs. A difference of latency within this interval is noise.`,
    '',
  ];
}

const DIFFERENCE_HEAD = ['configuration', 'EM points', 'exact McNemar', 'ES points', 't test'] as const;

/** One line a row that can be compared with no-context. */
function differences(rows: readonly SummaryRow[], label: (row: Configuration) => string): string[][] {
  return rows.flatMap((row) => {
    if (row.vsNoContext === null) return [];
    const { exactMatch: em, editSimilarity: es } = row.vsNoContext;
    return [
      [
        label(row),
        `${signed(em.delta, 2)} ${interval(em.ci95, 2)} ${em.verdict}`,
        pValue(em.p),
        `${signed(es.delta, 2)} ${interval(es.ci95, 2)} ${es.verdict}`,
        pValue(es.p),
      ],
    ];
  });
}

function caveats(summary: Summary, rows: readonly SummaryRow[]): string[] {
  const lines = [
    `- EM and ES follow the profile \`${summary.metricProfile}\`: EM ignores white space and quote style, ES is ` +
      '1 − Levenshtein / longer length. Figures of other profiles are not comparable.',
    `- Retrieval follows \`${summary.retrievalProfile}\`. The target file is excluded by its path; copies of the ` +
      'line elsewhere in the repository are not removed, as in the published harnesses.',
    `- The intervals are over ${describeBasis(summary.inference)}; McNemar's test is over tasks and speaks about these ` +
      'repositories only.',
    `- Verdicts hold for all ${summary.comparisons.length} comparisons of a metric together (Holm, 5 %); "tied" means ` +
      'that no difference is shown, not that there is none. p-values are not corrected.',
  ];
  if (summary.retrieverEncoder !== null) {
    lines.push(
      `- The retriever \`unixcoder\` ranks by the encoder of ${summary.retrieverEncoder.name}, not by Microsoft's ` +
        'weights unless that is what was given.',
    );
  }
  for (const line of unscored(rows, summary.topK))
    lines.push(`- ${line}; these tasks are left out of the means, not counted as 0.`);
  return lines;
}

function estimate({ mean, ci95 }: Estimate): string {
  return `${fixed(mean, 2)} ${interval(ci95, 2)}`.trimEnd();
}

function percentiles({ p50, p90 }: Latency): [string, string] {
  return [fixed(p50, 1), fixed(p90, 1)];
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [`## ${title}`, '', table(head, rows), ''];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function describeBasis({ basis, repositories }: Inference): string {
  return basis === 'repositories'
    ? `${repositories} repositories, as a sample of others like them`
    : `the tasks of ${repositories === 1 ? 'one repository' : `${repositories} repositories`}, and say nothing about others`;
}
