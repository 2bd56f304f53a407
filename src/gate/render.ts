/**
 * @file A gate's result for the terminal (80 columns), for markdown, and as JUnit cases.
 */

import { fixed, signed } from '../report/format.js';
import type { JUnitCase } from '../report/documents/junit.js';
import { markdownTable } from '../report/markdown-table.js';
import type { Check, Outcome } from './check.js';
import type { GateResult } from './result.js';

/** First line of the comment body: tools that keep one comment up to date look for it. */
export const COMMENT_MARKER = '<!-- llava-eval-gate -->';

const WIDTH = 80;

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

/** For the terminal, without colour, ending in a newline. */
export function renderGate(result: GateResult): string {
  const { checks } = result;
  const width = Math.max(...checks.map(({ subject }) => subject.length), 0);
  const lines = [result.headline, ...wrap(provenance(result), '  ')];
  for (const change of result.changes) lines.push(...wrap(`changed: ${change}`, '  '));
  for (const [kind, { title }] of Object.entries(KINDS)) {
    const own = checks.filter((check) => check.kind === kind);
    if (own.length === 0) continue;
    lines.push(
      '',
      `${title.padEnd(width + 2)}  ${'baseline'.padStart(8)} ${'run'.padStart(8)} ${'change'.padStart(9)}`,
    );
    for (const check of own) {
      const [before, after, change] = cells(check);
      lines.push(
        `  ${check.subject.padEnd(width)}  ${before.padStart(8)} ${after.padStart(8)} ${change.padStart(9)}  ${WORDS[check.outcome]}`,
      );
      if (check.outcome !== 'passed') lines.push(...wrap(describe(check), '      '));
    }
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

/** Lines of at most 80 columns, broken at spaces; a longer word stays whole. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + word.length > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line];
}
