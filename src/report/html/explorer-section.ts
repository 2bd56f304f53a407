/**
 * @file The frame of the task explorer: its filters and empty panes, which the page's script fills.
 */

import { subjectOf } from '../../pipelines/kinds.js';
import type { PackedTasks } from '../page-data/packed-tasks.js';
import { listedPipeline } from '../page/tasks.js';
import { escapeText } from './escape.js';

export function explorerSection(data: PackedTasks): string {
  const { configurations, tasks } = data;
  const pipelines = [...new Set(configurations.map(({ pipeline }) => pipeline))];
  const name = listedPipeline(data);
  // A pipeline that a report cannot be about is compared with itself alone.
  const others = subjectOf(pipelines) === null ? pipelines : pipelines.filter((other) => other !== name);
  const retrievers = [...new Set(configurations.flatMap(({ retriever }) => retriever ?? []))];
  const topKs = [...new Set(configurations.flatMap(({ topK }) => topK ?? []))].sort((a, b) => b - a);
  const ratios = [...new Set(configurations.flatMap(({ compressionRatio }) => compressionRatio ?? []))].sort(
    (a, b) => b - a,
  );
  const repositories = [...new Set(tasks.map(({ repository }) => repository))].sort();
  const outcomes: readonly (readonly [string, string])[] = [
    ['all', 'all outcomes'],
    ['better', `${name} wins`],
    ['worse', `${name} loses`],
    ['same', 'a tie'],
    ['unscored', 'failed or skipped'],
  ];
  const list =
    tasks.length === data.total
      ? ''
      : `<p class="note">${tasks.length} of ${data.total} tasks are listed, in the same order of preference as below.</p>`;
  const held =
    data.whole === data.total
      ? ''
      : `<p class="note">Prompts and chunks of ${data.whole} of ${data.total} tasks are in this page: first tasks that ` +
        'failed, then those whose configurations disagree in EM, then others by a hash of their id. ' +
        '<code>llava-eval report RUN --tasks all</code> puts all in.</p>';
  return `<section id="tasks" aria-labelledby="tasks-title">
<h2 id="tasks-title">Tasks</h2>
<p class="note">A win has the higher EM or, where that is equal, the higher ES; numbers in the list are points of ES.</p>
${list}${held}
<noscript><p>The task explorer needs JavaScript.</p></noscript>
<form id="task-filters" role="search" aria-label="Filter tasks">
${field('filter-words', 'Search', `<input type="search" id="filter-words" autocomplete="off" spellcheck="false" placeholder="id, path or code">`)}
${select('filter-outcome', 'Outcome', outcomes)}
${select(
  'filter-against',
  'Against',
  others.map((other) => [other, other]),
)}
${select(
  'filter-retriever',
  'Retriever',
  retrievers.map((retriever) => [retriever, retriever]),
)}
${select(
  'filter-top-k',
  'Top-k',
  topKs.map((topK) => [String(topK), String(topK)]),
)}
${ratioField(ratios)}${select('filter-repository', 'Repository', [['', 'all'], ...repositories.map((one) => [one, one] as const)])}
<label class="check"><input type="checkbox" id="filter-cross-file"> uses another file</label>
<button type="reset">Clear</button>
</form>
<p class="keys"><output id="task-count" for="task-filters" aria-live="polite"></output><span><kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>/</kbd> search · <kbd>Esc</kbd> list</span></p>
<div class="panes">
<ul id="task-list" role="listbox" aria-label="Tasks" tabindex="0"></ul>
<div id="task-detail" role="region" aria-label="The chosen task"></div>
<p id="task-link-said" class="sr-only" role="status"></p>
</div>
</section>`;
}

/** A choice of runs with compression ratios. */
function ratioField(ratios: readonly number[]): string {
  if (ratios.length === 0) return '';
  return `${select(
    'filter-ratio',
    'Text',
    ratios.map((ratio) => [String(ratio), `${ratio}x`]),
  )}\n`;
}

function field(id: string, label: string, control: string): string {
  return `<p class="field"><label for="${id}">${label}</label>${control}</p>`;
}

/** A choice; hidden where there is nothing to choose, yet with its value. */
function select(id: string, label: string, options: readonly (readonly [string, string])[]): string {
  const items = options
    .map(([value, text]) => `<option value="${escapeText(value)}">${escapeText(text)}</option>`)
    .join('');
  const control = `<select id="${id}">${items}</select>`;
  return options.length > 1
    ? field(id, label, control)
    : `<p class="field" hidden><label for="${id}">${label}</label>${control}</p>`;
}
