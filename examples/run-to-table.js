// Example (d): a run folder as a table of tab-separated values.
//
//   node run-to-table.js results/a > a.tsv
//
// No plug-in is needed to read a run, whatever the run used.

import { openRun } from 'llava-eval';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node run-to-table.js RUN');
  process.exit(2);
}

const { summary } = await openRun(folder);
const cell = (value, digits) => (value === null ? '' : value.toFixed(digits));
// A run that is not timed has no times.
const isTimed = summary.rows.some((row) => row.ttftMs !== null);
const ends = (interval) => (interval === null ? ['', ''] : interval.map((end) => end.toFixed(2)));

console.log(
  [
    ...['pipeline', 'retriever', 'k', 'tasks', 'EM', 'low', 'high', 'ES', 'low', 'high'],
    ...(isTimed ? ['TTFT p50 ms'] : []),
  ].join('\t'),
);
for (const row of summary.rows) {
  console.log(
    [
      row.pipeline,
      row.retriever ?? '',
      row.topK ?? '',
      row.tasks.scored,
      cell(row.exactMatch.mean, 2),
      ...ends(row.exactMatch.ci95),
      cell(row.editSimilarity.mean, 2),
      ...ends(row.editSimilarity.ci95),
      ...(row.ttftMs === null ? [] : [cell(row.ttftMs.p50, 2)]),
    ].join('\t'),
  );
}
