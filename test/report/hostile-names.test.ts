/**
 * @file Reports of a run folder that somebody else made: ids, paths and names in it are text in every document.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runJUnit } from '../../src/report/documents/run-junit.js';
import { renderMarkdown } from '../../src/report/documents/markdown.js';
import { drawCharts } from '../../src/report/charts/charts.js';
import { renderHtml } from '../../src/report/html/document.js';
import { packTasks } from '../../src/report/html/explorer-data.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import { reportView } from '../../src/report/view/view.js';
import { configurations } from '../../src/run/configurations.js';
import { syntheticRun } from '../support/synthetic-run.js';

const HOSTILE =
  '</script><script>alert(1)</script>"\'>]]>&amp;<!--\u2028\u0000\u001b[31m\ud800|[x](javascript:y)`';

/** A run in which every name is hostile: tasks, repositories, paths, dataset, models, origins, machine. */
function hostileRun() {
  const made = syntheticRun({ tasks: 4, retrievers: ['bm25'], failures: 1, hostile: HOSTILE });
  const named = <T extends { taskId: string; repository: string }>(one: T): T => ({
    ...one,
    taskId: `${one.taskId}${HOSTILE}`,
    repository: `${one.repository}${HOSTILE}`,
  });
  const chunkOf = <T extends { path: string }>(chunk: T): T => ({
    ...chunk,
    path: `${chunk.path}${HOSTILE}`,
  });
  const { run } = made;
  return {
    run: {
      ...run,
      spec: { ...run.spec, dataset: { ...run.spec.dataset, id: `data${HOSTILE}` } },
      models: { ...run.models, decoder: `decoder${HOSTILE}`, bundle: `bundle${HOSTILE}` },
      hardware: { ...run.hardware, cpu: `cpu${HOSTILE}` },
      data: [{ repository: `r${HOSTILE}`, origin: `o${HOSTILE}`, licence: `l${HOSTILE}`, size: null }],
    },
    records: made.records
      .map(named)
      .map((record) =>
        record.status === 'scored' ? { ...record, chunks: record.chunks.map(chunkOf) } : record,
      ),
    evidence: made.evidence
      .map(named)
      .map((one) => ({ ...one, path: `${one.path}${HOSTILE}`, chunks: one.chunks.map(chunkOf) })),
  };
}

const { run, records, evidence } = hostileRun();
const view = reportView(summarizeRun(run, records), run, records);
const charts = await drawCharts(view.sections.flatMap((section) => section.charts));

describe('a report of a hostile run folder', () => {
  test('has in HTML the scripts of the page and no other element of a name', () => {
    const tasks = new Map(evidence.map((one) => [one.taskId, one]));
    const packed = packTasks(configurations(run.spec), run.spec, records, tasks, 'all');
    const html = renderHtml(view, charts, packed, { script: 'own()', style: '' });
    // One for the data, one for the page; what a name adds would be one more.
    assert.equal(html.match(/<script/g)?.length, 2);
    assert.equal(html.match(/<\/script/g)?.length, 2);
    assert.ok(!html.includes('<!--'));
    // Older scripts take it for the end of a line; as text of an element it is harmless.
    assert.ok(!/<script.*?<\/script/s.exec(html)![0].includes('\u2028'));
    // Shown, so the test is about something.
    assert.ok(html.includes('decoder&lt;/script&gt;'));
    assert.ok(html.includes('\\u003c/script\\u003e'));
    for (const { file } of charts) assert.ok(!file.includes('<script'), 'a chart holds a script');
  });

  test('has in Markdown no tag, link, comment or code of a name', () => {
    const markdown = renderMarkdown(view, charts);
    assert.ok(markdown.includes('decoder'));
    for (const mark of ['<script', '</script', '<!--', '](javascript']) {
      assert.ok(!new RegExp(`(?<!\\\\)${mark.replace(/[(\]]/g, '\\$&')}`).test(markdown), mark);
    }
  });

  test('is in JUnit XML well formed: no character that XML forbids, no bare bracket or ampersand', () => {
    const xml = [...runJUnit(run, configurations(run.spec), records)].join('\n');
    assert.ok(xml.includes('&lt;/script&gt;'));
    assert.doesNotMatch(xml, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u);
    for (const [, inside] of xml.matchAll(/="([^"]*)"/g))
      assert.doesNotMatch(inside!, /<|&(?!(?:amp|lt|gt|quot|apos|#\d+);)/);
    // All elements that are opened are closed.
    const opened = xml.match(/<[a-z][^>]*[^/]>/g)?.length;
    assert.equal(opened, xml.match(/<\/[a-z]/g)?.length);
  });
});
