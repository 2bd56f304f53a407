/**
 * @file `report.md`: the view of a run in Markdown, as GitHub shows it, with its charts beside it.
 */

import type { DrawnChart } from '../charts/charts.js';
import { markdownTable } from '../markdown-table.js';
import type { Cell, Column, ReportView, Section, Table } from '../view/view.js';

/** The whole report, a function of its arguments alone: making it again gives the same bytes. */
export function renderMarkdown(view: ReportView, charts: readonly DrawnChart[]): string {
  return [
    `# ${plain(view.title)}`,
    '',
    `**${plain(view.headline)}**`,
    '',
    ...view.statements.map(({ subject, text }) => `- \`${subject}\`: ${plain(text)}`),
    ...(view.statements.length === 0 ? [] : ['']),
    view.facts.map(plain).join(' · '),
    '',
    ...view.sections.flatMap((section) => renderSection(section, charts)),
    '## Read with care',
    '',
    ...view.caveats.map((line) => `- ${plain(line)}`),
    '',
    '## Environment',
    '',
    ...view.environment.map(({ name, value }) => `- ${name}: ${plain(value)}`),
    '',
  ].join('\n');
}

function renderSection(section: Section, charts: readonly DrawnChart[]): string[] {
  const drawn = section.charts.flatMap(({ id }) => charts.filter((chart) => chart.id === id));
  return [
    `## ${section.title}`,
    '',
    ...section.intro.flatMap((text) => [plain(text), '']),
    ...drawn.flatMap(({ id, title }) => [`![${plain(title)}](charts/${id}.svg)`, '']),
    ...section.tables.flatMap((table) => [...renderTable(table), '']),
    ...section.notes.flatMap((text) => [plain(text), '']),
  ];
}

function renderTable({ columns, rows }: Table): string[] {
  return markdownTable(
    columns.map(({ title, kind }) => ({ title: plain(title), isNumber: kind === 'number' })),
    rows.map((row) => row.map((cell, i) => unbroken(renderCell(cell), columns[i]!))),
  );
}

/** Keeps a number and its interval on one line. */
function unbroken(text: string, { kind }: Column): string {
  return kind === 'number' ? text.replaceAll(' ', '\u00a0') : text;
}

/** A difference that is shown is bold; one that is not stands as it is. */
function renderCell({ text, verdict }: Cell): string {
  if (text === '') return '';
  if (verdict === undefined) return plain(text);
  return verdict === 'tied' ? `${plain(text)} tied` : `**${plain(text)}** ${verdict}`;
}

/** Text in which nothing is markup: names of datasets and models come from elsewhere. */
function plain(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>|]/g, '\\$&')
    .replaceAll('&', '&amp;');
}
