/**
 * @file The result of `score`, for programs and for people.
 */

import {
  ES_FORMULAS,
  type GroupReport,
  type MetricProfile,
  type ProfileReport,
} from '../../metrics/profile.js';

/** What was scored, by which profile. */
export interface ScoringRun {
  readonly profile: MetricProfile;
  readonly report: ProfileReport;
  /** Lines left out with --skip-invalid, and the tasks that are not scored for it; null without it. */
  readonly skipped: {
    readonly references: number;
    readonly predictions: number;
    readonly tasks: number;
  } | null;
}

const GROUP_KEYS = { repository: 'repositories', setting: 'settings', category: 'categories' } as const;

/**
 * One object: figures in percent, `em`, `es` and extras rounded as the profile rounds, `emExact` and
 * `esExact` unrounded. Keys that have no meaning for the profile are absent.
 */
export function scoresJson({ profile, report, skipped }: ScoringRun): Readonly<Record<string, unknown>> {
  return {
    profile: profile.name,
    version: profile.version,
    formula: profile.formula,
    total: report.total,
    em: report.em,
    es: report.es,
    emExact: report.emExact,
    esExact: report.esExact,
    ...report.extras,
    ...(profile.noValue === null ? {} : { withoutEs: report.withoutEs }),
    ...(report.published === null ? {} : { published: report.published }),
    ...(report.groupedBy === null ? {} : { [GROUP_KEYS[report.groupedBy]]: report.groups }),
    ...(skipped === null ? {} : { skipped }),
  };
}

/** A few lines of at most 80 columns for the terminal. */
export function renderScores({ profile, report, skipped }: ScoringRun): string {
  const extras = profile.extras.map(({ name, title }) => `${title} ${report.extras[name]!.toFixed(2)} %`);
  const { published } = report;
  const remarks = [
    extras.join(', '),
    `ES: ${ES_FORMULAS[profile.formula]}`,
    report.withoutEs === 0 ? '' : `${report.withoutEs} without an ES: ${profile.noValue ?? ''}`,
    published === null
      ? ''
      : `as the harness averages: EM ${percent(published.em)}, ES ${percent(published.es)}`,
    report.note ?? '',
    skipped === null
      ? ''
      : `left out: ${skipped.predictions} lines of the predictions, ${skipped.references} of the references; ` +
        `${skipped.tasks} tasks are not scored`,
  ];
  const lines = [
    `${profile.version}: EM ${percent(report.em)}, ES ${percent(report.es)} over ${report.total} tasks`,
    ...remarks.filter((remark) => remark !== '').flatMap(indented),
    ...(report.groups.length < 2 ? [] : ['', ...groupTable(report.groups, report.groupedBy!)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Lines of at most 80 columns, the first indented by two spaces and the others by four. */
function indented(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > 80) {
      lines.push(line);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function percent(value: number | null): string {
  return value === null ? 'none' : `${value.toFixed(2)} %`;
}

function groupTable(groups: readonly GroupReport[], head: string): string[] {
  const width = Math.max(head.length, ...groups.map(({ name }) => name.length));
  const row = (name: string, ...cells: readonly string[]): string =>
    `  ${name.padEnd(width)}${cells.map((cell) => cell.padStart(8)).join('')}`;
  return [
    row(head, 'tasks', 'EM %', 'ES %'),
    ...groups.map(({ name, total, em, es }) =>
      row(name, String(total), em.toFixed(2), es === null ? 'none' : es.toFixed(2)),
    ),
  ];
}
