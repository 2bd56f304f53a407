import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { CHART_IDS, drawCharts, type DrawnChart } from '../../src/report/charts/charts.js';
import { packTasks } from '../../src/report/html/explorer-data.js';
import { scriptJson } from '../../src/report/html/escape.js';
import { renderHtml } from '../../src/report/html/document.js';
import { renderMarkdown } from '../../src/report/documents/markdown.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import { runJUnit } from '../../src/report/documents/run-junit.js';
import { reportView, type ReportView } from '../../src/report/view/view.js';
import type { PipelineName } from '../../src/pipelines/kinds.js';
import { configurations } from '../../src/run/configurations.js';
import { syntheticRun, type SyntheticRun } from '../support/synthetic-run.js';
import { some } from '../support/some.js';

const ASSETS = { script: 'document.title;', style: 'main{margin:0}' };

interface Rendered {
  readonly view: ReportView;
  readonly charts: readonly DrawnChart[];
  readonly markdown: string;
  readonly html: string;
}

async function render(made: SyntheticRun): Promise<Rendered> {
  const view = viewOf(made);
  return write(made, view, await drawCharts(view.sections.flatMap((section) => section.charts)));
}

const viewOf = ({ run, records }: SyntheticRun): ReportView =>
  reportView(summarizeRun(run, records), run, records);

/** Without charts, which take a second. */
const renderText = (made: SyntheticRun): Rendered => write(made, viewOf(made), []);

function write(
  { run, records, evidence }: SyntheticRun,
  view: ReportView,
  charts: readonly DrawnChart[],
): Rendered {
  const tasks = packTasks(
    configurations(run.spec),
    run.spec,
    records,
    new Map(evidence.map((task) => [task.taskId, task])),
    'fit',
  );
  return {
    view,
    charts,
    markdown: renderMarkdown(view, charts),
    html: renderHtml(view, charts, tasks, ASSETS),
  };
}

const plain = syntheticRun({ tasks: 70, failures: 1 });
let rendered: Rendered;
before(async () => {
  rendered = await render(plain);
});

describe('a report', () => {
  test('is byte for byte the same whatever the order of records and tasks', async () => {
    const shuffled = {
      ...plain,
      records: [...plain.records].reverse(),
      evidence: [...plain.evidence].reverse(),
    };
    const again = await render(shuffled);
    // Booleans, since a difference of two pages is no message anybody reads.
    assert.ok(again.markdown === rendered.markdown, 'report.md');
    assert.ok(again.html === rendered.html, 'report.html');
    for (const [i, { id, file }] of some(again.charts.entries()))
      assert.ok(file === rendered.charts[i]!.file, id);
  });

  test('draws every chart with its title, in two widths and as a file with a ground of its own', () => {
    assert.deepEqual(rendered.charts.map(({ id }) => id).toSorted(), CHART_IDS.toSorted());
    for (const { title, file, wide, narrow } of some(rendered.charts)) {
      for (const svg of [file, wide, narrow]) {
        assert.match(svg, /^<svg [^>]*role="img" aria-label="[^"]+"/);
        assert.ok(!/NaN|undefined|Infinity/.test(svg), title);
      }
      assert.match(file, /@media \(prefers-color-scheme:dark\)/);
      assert.ok(!file.includes('var(--'), 'viewers of files need not know custom properties');
      assert.ok(wide.includes('var(--ink)'));
    }
  });

  test('shows each chart and each table in both languages', () => {
    for (const { id } of some(rendered.charts)) {
      assert.ok(rendered.markdown.includes(`](charts/${id}.svg)`));
    }
    const tables = rendered.view.sections.flatMap(({ tables }) => tables);
    assert.ok(tables.length >= 4);
    assert.equal(rendered.markdown.match(/^\|(?:---:?\|)+$/gm)!.length, tables.length);
    assert.equal(rendered.html.match(/<table /g)!.length, tables.length);
  });

  test('counts failed tasks among the caveats and leaves them out of n', () => {
    assert.match(rendered.view.caveats.join('\n'), /full-rag\/bm25: 1 failed, 0 skipped/);
    const rows = rendered.view.sections[0]!.tables[0]!.rows.map((row) =>
      row.slice(0, 3).map(({ text }) => text),
    );
    assert.deepEqual(rows[0], ['no-context', '', '70']);
    assert.deepEqual(rows[1], ['full-rag', 'jaccard', '69']);
  });

  test('says that quality at equal latency is measured where budget-rag ran, and estimated from a sweep', () => {
    const sweep = syntheticRun({
      tasks: 30,
      pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed'],
      retrievers: ['bm25'],
      topK: [1, 3, 10],
    });
    const view = viewOf(sweep);
    const section = view.sections.find(({ id }) => id === 'equal-latency')!;
    assert.equal(section.tables.length, 2);
    assert.ok(!rendered.view.sections.some(({ id }) => id === 'equal-latency'));
  });

  test('is about the comparison that the run has, whichever pipelines it is between', () => {
    for (const pipeline of ['budget-rag', 'compressed-random', 'full-rag', 'compressed'] as const) {
      const { view, html } = renderText(syntheticRun({ tasks: 12, pipelines: ['no-context', pipeline] }));
      assert.ok(view.headline.startsWith(`${pipeline}: against no-context, `), view.headline);
      assert.deepEqual(
        view.statements.map(({ subject }) => subject),
        [`${pipeline}/jaccard`, `${pipeline}/bm25`],
      );
      const tradeOff = view.sections.find(({ id }) => id === 'trade-off')!;
      assert.ok(tradeOff.charts[0]!.title.startsWith(`${pipeline} against no-context: `));
      assert.match(html, new RegExp(`>${pipeline} wins<`));
    }
  });

  test('says so where the pipelines of a run are no bases of each other', () => {
    const { view } = renderText(syntheticRun({ tasks: 8, pipelines: ['full-rag', 'budget-rag'] }));
    assert.match(
      view.headline,
      /^No two pipelines of this run are compared .* Run no-context beside them\.$/,
    );
  });

  test('names the share of time that making soft tokens takes for pipelines that make them, not for a control', () => {
    const stages = (pipelines: readonly PipelineName[]): string =>
      viewOf(syntheticRun({ tasks: 8, pipelines })).sections.find(({ id }) => id === 'stages')!.charts[0]!
        .title;
    assert.match(stages(['no-context', 'compressed', 'compressed-random']), /% of a cold compressed;/);
    assert.equal(stages(['no-context', 'compressed-random']), 'Mean time by stage, warm and cold');
  });

  test('of one pipeline alone compares nothing and still has its numbers', () => {
    const alone = renderText(syntheticRun({ tasks: 8, pipelines: ['no-context'], retrievers: [], topK: [] }));
    assert.match(alone.view.headline, /nothing to compare/);
    assert.ok(alone.markdown.includes('| no-context |'));
  });
});

describe('junit.xml', () => {
  test('has an error a failed task, and passes whatever was scored', () => {
    const { run, records } = plain;
    const xml = [...runJUnit(run, configurations(run.spec), records)].join('\n');
    // 70 tasks under 5 configurations; the first task fails under full-rag with both retrievers.
    assert.match(
      xml,
      /<testsuites name="llava-eval: synthetic" tests="350" failures="0" errors="2" skipped="0"/,
    );
    assert.equal(xml.match(/<error message="prefill: out of memory"/g)!.length, 2);
    assert.equal([...runJUnit(run, configurations(run.spec), [...records].reverse())].join('\n'), xml);
  });
});

describe('a page', () => {
  test('allows its own script and style by their hashes and nothing else', () => {
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(rendered.html)![1]!;
    assert.match(policy, /^default-src 'none'; /);
    assert.ok(!policy.includes('unsafe'));
    for (const [tag, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ] as const) {
      const content = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(rendered.html)![1]!;
      const digest = createHash('sha256').update(content).digest('base64');
      assert.ok(policy.includes(`${directive} 'sha256-${digest}'`), tag);
    }
    assert.ok(!/<[^>]+ (?:style|on\w+)=/.test(rendered.html), 'no inline style or handler');
  });

  test('asks for nothing outside itself', () => {
    const outside = /(?:src|href)="(?!#|data:)[^"]*"|url\(|@import/.exec(rendered.html);
    assert.equal(outside, null);
  });

  test('holds hostile text as text: no element, no comment and no script of it', () => {
    const hostile = '</script><img src=x onerror="alert(1)"><!--<script>\u2028\u2029&lt;|[a](b)`';
    const { html, markdown } = renderText(syntheticRun({ tasks: 6, failures: 1, hostile }));
    assert.ok(!html.includes('<img'));
    assert.ok(!html.includes('<!--'));
    assert.ok(!/[\u2028\u2029]/.test(html));
    assert.equal(html.match(/<script/g)!.length, 2);
    assert.ok(!markdown.includes('<img'));
    const embedded = /<script type="application\/json" id="tasks-data">([^]*?)<\/script>/.exec(html)![1]!;
    assert.ok(JSON.stringify(JSON.parse(embedded)).includes(JSON.stringify(hostile).slice(1, -1)));
  });

  test('names datasets and models as text', () => {
    const odd = { ...plain, run: structuredClone(plain.run) };
    odd.run.spec.dataset.id = '<b>x</b> | `y` _z_';
    const { html, markdown } = renderText(odd);
    assert.ok(html.includes('&lt;b&gt;x&lt;/b&gt; | `y` _z_'));
    assert.ok(markdown.startsWith('# \\<b\\>x\\</b\\> \\| \\`y\\` \\_z\\_: synthetic\n'));
  });

  test('of 1,600 tasks and 7 configurations stays below 10 MB', () => {
    const large = syntheticRun({
      tasks: 1600,
      retrievers: ['jaccard', 'unixcoder', 'bm25'],
      contextCharacters: 4000,
    });
    const packed = packTasks(
      configurations(large.run.spec),
      large.run.spec,
      large.records,
      new Map(large.evidence.map((task) => [task.taskId, task])),
      'fit',
    );
    const size = Buffer.byteLength(scriptJson(packed));
    assert.equal(packed.tasks.length, 1600);
    assert.ok(packed.whole > 300 && packed.whole < 1600, String(packed.whole));
    assert.ok(size < 10_000_000, String(size));
  });

  test('charts are drawn of as many values as a run of 100,000 tasks has', async () => {
    const ttftMs = Array.from({ length: 200_000 }, (_, i) => 10 + (i % 97));
    const latency = { id: 'ttft', kind: 'latency', title: 'TTFT', note: '' } as const;
    const row = { name: 'no-context', position: 0, ttftMs } as const;
    const [chart] = await drawCharts([{ ...latency, rows: [row] }]);
    // Dots are for small runs; the box stays small however many values are behind it.
    assert.ok(chart!.file.length < 20_000, String(chart!.file.length));
  });
});
