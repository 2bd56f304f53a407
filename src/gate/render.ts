/**
 * @file A gate's result for the terminal, for markdown, and as JUnit cases.
 */

import { fixed, signed, wrapped } from '../report/format.js';
import type { JUnitCase } from '../report/documents/junit.js';
import { markdownTable } from '../report/markdown-table.js';
import type { Check, Outcome } from './outcome.js';
import type { GateResult } from './result.js';

/** First line of the comment body: tools that keep one comment up to date look for it. */
export const COMMENT_MARKER = '<!-- llava-eval-gate -->';

/** Longer lines of text are hard to read. */
const WIDEST = 80;

const KINDS: Readonly<Record<Check['kind'], { readonly title: string; readonly group: string }>> = {
  tasks: { title: 'Tasks not scored', group: 'tasks' },
  'exact-match': { title: 'EM, percent and points', group: 'quality' },
  'edit-similarity': { title: 'ES, percent and points', group: 'quality' },
  likelihood: { title: 'Likelihood, nats a token', group: 'quality' },
  'ttft-ratio': { title: 'TTFT ratio within a run', group: 'latency' },
  ttft: { title: 'TTFT, ms', group: 'latency' },
};

const WORDS: Readonly<Record<Outcome, string>> = {
  passed: 'passed',
  failed: 'FAILED',
  inconclusive: 'inconclusive',
};

/** What the numbers of a kind do not say by themselves. */
const NOTES: Readonly<Partial<Record<Check['kind'], string>>> = {
  'ttft-ratio':
    'baseline and run: medians of the ratios of each task. change: median of what became of the ratio of each task; it ' +
    'need not be the quotient of the two medians.',
  ttft: 'baseline and run: medians. change: median of the changes of each task; it need not be the quotient of the two medians.',
};

/** The numbers of a check: baseline, run, change. */
function cells({ kind, baseline, run, change }: Check): [string, string, string] {
  switch (kind) {
    case 'tasks':
      return [fixed(baseline, 0), fixed(run, 0), signed(change, 0)];
    case 'exact-match':
    case 'edit-similarity':
      return [fixed(baseline, 2), fixed(run, 2), signed(change, 2)];
    case 'likelihood':
      return [fixed(baseline, 3), fixed(run, 3), signed(change, 3)];
    case 'ttft-ratio':
      return [fixed(baseline, 3), fixed(run, 3), `${signed(change === null ? null : change * 100, 1)} %`];
    case 'ttft':
      return [fixed(baseline, 1), fixed(run, 1), `${signed(change === null ? null : change * 100, 1)} %`];
    default:
      return kind satisfies never;
  }
}

/**
 * For the terminal, without colour, ending in a newline.
 *
 * @param columns Of the terminal.
 */
export function renderGate(result: GateResult, columns = WIDEST): string {
  const { checks } = result;
  const text = (of: string, indent: string): string[] => wrap(of, indent, Math.min(columns, WIDEST));
  const titles = checks.map(({ kind }) => KINDS[kind].title.length);
  // A heading stands above the names, and has a gap before its columns as they have.
  const width = Math.max(
    ...checks.map(({ subject }) => subject.length),
    ...titles.map((length) => length - 2),
    0,
  );
  const row = (before: string, after: string, change: string): string =>
    `${before.padStart(8)} ${after.padStart(8)} ${change.padStart(9)}`;
  // Numbers take 27 columns, a verdict up to 14. Where names leave no room for them, they stand below.
  const isBelow = 2 + width + 2 + 27 + 14 > columns;
  const head = isBelow ? '    ' : ''.padEnd(width + 4);
  const lines = [...text(result.headline, ''), ...text(provenance(result), '  ')];
  for (const change of result.changes) lines.push(...text(`changed: ${change}`, '  '));
  for (const [kind, { title }] of Object.entries(KINDS)) {
    const own = checks.filter((check) => check.kind === kind);
    if (own.length === 0) continue;
    const names = row('baseline', 'run', 'change');
    lines.push('', ...(isBelow ? [title, head + names] : [`${title.padEnd(width + 4)}${names}`]));
    for (const check of own) {
      const numbers = `${row(...cells(check))}  ${WORDS[check.outcome]}`;
      lines.push(
        ...(isBelow
          ? [`  ${check.subject}`, head + numbers]
          : [`  ${check.subject.padEnd(width)}  ${numbers}`]),
      );
      if (check.outcome !== 'passed') lines.push(...text(describe(check), '      '));
    }
    const note = NOTES[own[0]!.kind];
    if (note !== undefined) lines.push(...text(note, '  '));
  }
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A table and what decided, for a job summary. */
export function renderGateMarkdown(result: GateResult): string {
  const open = result.checks.filter(({ outcome }) => outcome !== 'passed');
  const icon = { passed: '✅', failed: '❌', inconclusive: '⚠️' }[result.verdict];
  return [
    `### ${icon} llava-eval ${result.headline}`,
    '',
    provenance(result),
    '',
    ...result.changes.map((change) => `- changed: \`${change}\``),
    ...(result.changes.length === 0 ? [] : ['']),
    ...(open.length === 0 ? [] : [...checkTable(open), '']),
    `<details><summary>All ${result.checks.length} checks</summary>`,
    '',
    ...checkTable(result.checks),
    '',
    ...Object.entries(KINDS).flatMap(([kind, { title }]) => {
      const check = result.checks.find((one) => one.kind === kind);
      const note = check === undefined ? undefined : NOTES[check.kind];
      return note === undefined ? [] : [`${title}: ${note}`, ''];
    }),
    '</details>',
    '',
  ].join('\n');
}

function checkTable(checks: readonly Check[]): string[] {
  const columns = ['check', 'configuration', 'baseline', 'run', 'change', 'verdict', 'why'].map((title) => ({
    title,
    isNumber: title === 'baseline' || title === 'run' || title === 'change',
  }));
  return markdownTable(
    columns,
    checks.map((check) => [
      KINDS[check.kind].title,
      check.subject,
      ...cells(check),
      WORDS[check.outcome],
      describe(check),
    ]),
  );
}

/** The body of a comment that is replaced by the next one: it starts with {@link COMMENT_MARKER}. */
export function renderGateComment(result: GateResult): string {
  return `${COMMENT_MARKER}\n${renderGateMarkdown(result)}`;
}

/** One JUnit case a check. An inconclusive check is skipped, or failed where the exit code says so. */
export function gateCases(result: GateResult): JUnitCase[] {
  return result.checks.map((check) => {
    const [before, after, change] = cells(check);
    const numbers = `baseline ${before}, run ${after}, change ${change}`;
    const isSettled = check.outcome !== 'inconclusive';
    const countsAsFailed = result.verdict === 'inconclusive' && result.exitCode !== 0;
    return {
      name: `${KINDS[check.kind].title}: ${check.subject}`,
      group: KINDS[check.kind].group,
      outcome: isSettled
        ? check.outcome === 'failed'
          ? 'failed'
          : 'passed'
        : countsAsFailed
          ? 'failed'
          : 'skipped',
      message: describe(check),
      detail: numbers,
    };
  });
}

function describe({ outcome, reason, moreTasks }: Check): string {
  return outcome === 'inconclusive' && moreTasks !== null
    ? `${reason}: needs about ${moreTasks} more tasks`
    : reason;
}

function provenance({ baseline, isSameHardware }: GateResult): string {
  const age =
    baseline.ageDays === 0
      ? 'of today'
      : baseline.ageDays === 1
        ? 'a day old'
        : `${baseline.ageDays} days old`;
  const hardware = isSameHardware ? '' : '; measured on other hardware';
  return `against ${baseline.path}, ${age}, ${baseline.tasks} tasks: ${baseline.reason}${hardware}`;
}

/** Lines of at most so many columns, broken at spaces; a longer word stays whole. */
function wrap(text: string, indent: string, width: number): string[] {
  return wrapped(text, width - indent.length).map((line) => indent + line);
}
