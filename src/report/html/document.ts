/**
 * @file `report.html`: the view of a run as one file that needs no network, no server and, but for the task
 * explorer, no script.
 *
 * A content security policy allows the page's own script and style sheet, by their hashes, and nothing else.
 */

import { createHash } from 'node:crypto';
import { declarations, DARK, LIGHT, slotRules } from '../charts/palette.js';
import type { DrawnChart } from '../charts/charts.js';
import type { PackedTasks } from '../page-data/packed-tasks.js';
import type { Cell, Column, ReportView, Section, Table } from '../view/view.js';
import type { PageAssets } from './assets.js';
import { escapeText, scriptJson } from './escape.js';
import { explorerSection } from './explorer-section.js';

/**
 * The page, a function of its arguments alone.
 *
 * @param tasks For the task explorer; null for a page without one.
 */
export function renderHtml(
  view: ReportView,
  charts: readonly DrawnChart[],
  tasks: PackedTasks | null,
  assets: PageAssets,
): string {
  const style = themes() + slotRules() + assets.style.trim();
  const script = assets.script.trim();
  const policy =
    `default-src 'none'; script-src '${digest(script)}'; style-src '${digest(style)}'; img-src data:; ` +
    "base-uri 'none'; form-action 'none'";
  const contents = [
    ...view.sections,
    ...(tasks === null ? [] : [{ id: 'tasks', short: 'Tasks' }]),
    { id: 'caveats', short: 'Caveats' },
    { id: 'environment', short: 'Setup' },
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="llava-eval">
<title>${escapeText(view.title)} · llava-eval</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header class="top">
<p class="brand">llava-eval report</p>
<button type="button" id="theme" hidden>Theme: system</button>
<nav aria-label="Sections" data-scrolls><ul>${contents
    .map(({ id, short }) => `<li><a href="#${id}">${escapeText(short)}</a></li>`)
    .join('')}</ul></nav>
</header>
<main id="main">
<section class="verdict" aria-labelledby="title">
<h1 id="title">${escapeText(view.title)}</h1>
<p class="headline">${escapeText(view.headline)}</p>
${statements(view)}
<ul class="facts">${view.facts.map((fact) => `<li>${escapeText(fact)}</li>`).join('')}</ul>
</section>
${view.sections.map((section) => renderSection(section, charts)).join('\n')}
${tasks === null ? '' : explorerSection(tasks)}
<section id="caveats" aria-labelledby="caveats-title">
<h2 id="caveats-title">Read with care</h2>
<ul>${view.caveats.map((line) => `<li>${escapeText(line)}</li>`).join('')}</ul>
</section>
<section id="environment" aria-labelledby="environment-title">
<h2 id="environment-title">Environment</h2>
<dl>${view.environment
    .map(({ name, value }) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`)
    .join('')}</dl>
</section>
</main>
${tasks === null ? '' : `<script type="application/json" id="tasks-data">${scriptJson(tasks)}</script>\n`}<script>${script}</script>
</body>
</html>
`;
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
}

/** The system's theme, unless the reader has chosen one. */
function themes(): string {
  const [light, dark] = [declarations(LIGHT), declarations(DARK)];
  return (
    `:root{color-scheme:light;${light}}` +
    `@media (prefers-color-scheme:dark){:root{color-scheme:dark;${dark}}}` +
    `:root[data-theme=light]{color-scheme:light;${light}}` +
    `:root[data-theme=dark]{color-scheme:dark;${dark}}` +
    `@media print{:root,:root[data-theme]{color-scheme:light;${light}}}`
  );
}

function statements({ statements: all }: ReportView): string {
  if (all.length === 0) return '';
  const items = all.map(
    ({ subject, text }) => `<div><dt>${escapeText(subject)}</dt><dd>${escapeText(text)}</dd></div>`,
  );
  return `<dl class="statements">${items.join('')}</dl>`;
}

function renderSection(section: Section, charts: readonly DrawnChart[]): string {
  const { id, title } = section;
  const drawn = section.charts.flatMap((input) => charts.filter((chart) => chart.id === input.id));
  return [
    `<section id="${id}" aria-labelledby="${id}-title">`,
    `<h2 id="${id}-title">${escapeText(title)}</h2>`,
    ...section.intro.map((text) => `<p>${escapeText(text)}</p>`),
    ...drawn.map(
      ({ wide, narrow }) =>
        `<figure><div class="wide">${wide}</div><div class="narrow">${narrow}</div></figure>`,
    ),
    ...section.tables.map((table, i) => renderTable(table, `${id}-table-${i + 1}`)),
    ...section.notes.map((text) => `<p class="note">${escapeText(text)}</p>`),
    '</section>',
  ].join('\n');
}

function renderTable({ caption, columns, rows }: Table, id: string): string {
  const head = columns.map(renderHead).join('');
  const body = rows
    .map((row) => `<tr>${row.map((cell, i) => renderCell(cell, columns[i]!)).join('')}</tr>`)
    .join('\n');
  // The caption stands outside of what scrolls sideways; the region can be scrolled with the keyboard.
  return (
    `<div class="table"><p class="caption"><span id="${id}">${escapeText(caption)}</span>${directions(columns)}</p>` +
    `<div class="scroll" role="region" aria-labelledby="${id}" tabindex="0" data-scrolls>` +
    `<table data-sortable aria-labelledby="${id}"><thead><tr>${head}</tr></thead>` +
    `<tbody>${body}</tbody></table></div></div>`
  );
}

/** Which way is good, in words beside the caption: an arrow in the head would look as if the column were sorted. */
function directions(columns: readonly Column[]): string {
  const sentences = (['higher', 'lower'] as const).flatMap((better) => {
    const titles = columns.flatMap((column) => (column.better === better ? [column.title] : []));
    return titles.length === 0 ? [] : [`${capital(better)} is better: ${titles.join(', ')}.`];
  });
  return sentences.length === 0 ? '' : ` <span class="directions">${escapeText(sentences.join(' '))}</span>`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function renderHead({ title, kind, better }: Column): string {
  const hint = better === undefined ? '' : ` title="${better} is better"`;
  return `<th scope="col" class="${kind}"><button type="button"${hint}>${escapeText(title)}</button></th>`;
}

const VERDICT_MARKS = { better: '▲ better', worse: '▼ worse', tied: '= tied' } as const;

function renderCell({ text, sort, verdict }: Cell, { kind }: Column): string {
  const [first = '', ...rest] = splitInterval(text);
  const shown =
    escapeText(first) + rest.map((ends) => ` <span class="interval">${escapeText(ends)}</span>`).join('');
  const mark =
    verdict === undefined ? '' : ` <span class="verdict-mark ${verdict}">${VERDICT_MARKS[verdict]}</span>`;
  const key = typeof sort === 'string' ? '' : ` data-sort="${sort ?? ''}"`;
  return `<td class="${kind}"${key}>${shown}${mark}</td>`;
}

/** A value and, apart from it, its interval. */
function splitInterval(text: string): string[] {
  const at = text.indexOf('[');
  return at <= 0 ? [text] : [text.slice(0, at).trimEnd(), text.slice(at)];
}
