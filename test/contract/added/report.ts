/**
 * @file Prints what a report makes of a pipeline. Run by `added-pipeline.test.ts` in a copy of the sources that has it.
 */

import { drawCharts } from '../../../src/report/charts/charts.js';
import { DARK, LIGHT } from '../../../src/report/charts/palette.js';
import { renderHtml } from '../../../src/report/html/document.js';
import { packTasks } from '../../../src/report/html/explorer-data.js';
import { promptParts } from '../../../src/report/page/prompt-parts.js';
import { looksOf, outcomesOf } from '../../../src/report/page/tasks.js';
import { summarizeRun } from '../../../src/report/numbers/summarize-run.js';
import { reportView } from '../../../src/report/view/view.js';
import { PIPELINES } from '../../../src/pipelines/kinds.js';
import { configurations } from '../../../src/run/configurations.js';
import { syntheticRun } from '../../support/synthetic-run.js';

export interface AddedReport {
  readonly headline: string;
  /** Pipelines of the table on top. */
  readonly overview: readonly string[];
  readonly equalLatency: { readonly intro: string; readonly captions: readonly string[] } | null;
  /** Title of the first column of the table of reductions; null without one. */
  readonly reduction: string | null;
  readonly look: {
    readonly colour: string;
    readonly hasMarks: boolean;
    readonly hasLegend: boolean;
    readonly hasDarkRule: boolean;
  };
  /** Kinds of the parts of its prompt. */
  readonly prompt: readonly string[];
  /** The text of the first part. */
  readonly shownText: string;
  readonly isListedInPage: boolean;
}

const [name, mode] = process.argv.slice(2);
const added = PIPELINES.find((one) => one === name);
if (added === undefined) throw new RangeError(`the copy has no pipeline ${String(name)}`);
const others =
  mode === 'alone' ? (['no-context'] as const) : (['no-context', 'full-rag', 'compressed'] as const);
const { run, records, evidence } = syntheticRun({
  tasks: 30,
  pipelines: [...others, added],
  retrievers: ['bm25'],
});

const view = reportView(summarizeRun(run, records), run, records);
const charts = await drawCharts(view.sections.flatMap((section) => section.charts));
const rows = configurations(run.spec);
const byId = new Map(evidence.map((task) => [task.taskId, task]));
const tasks = packTasks(rows, run.spec, records, byId, 'all');
const html = renderHtml(view, charts, tasks, { script: 'document.title;', style: 'main{margin:0}' });

const section = (id: string) => view.sections.find((one) => one.id === id);
const equal = section('equal-latency');
const { colour } = looksOf(tasks).get(added)!;
const pareto = charts.find(({ id }) => id === 'pareto')!;
const task = tasks.tasks[0]!;
const outcome = outcomesOf(tasks, task, { retriever: 'bm25', topK: 10, against: 'no-context' }).find(
  ({ configuration }) => configuration.pipeline === added,
)!;
const parts = promptParts(tasks, task, outcome)!;

const report: AddedReport = {
  headline: view.headline,
  overview: section('overview')!.tables[0]!.rows.map(([first]) => first!.text),
  equalLatency:
    equal === undefined
      ? null
      : { intro: equal.intro.join(' '), captions: equal.tables.map(({ caption }) => caption) },
  reduction: section('latency')!.tables[0]?.columns[0]?.title ?? null,
  look: {
    colour,
    hasMarks: charts.filter(({ file }) => file.includes(`"${LIGHT[colour]}"`)).length >= 3,
    hasLegend: pareto.file.includes(`>${added}<`),
    hasDarkRule: pareto.file.includes(`[fill="${LIGHT[colour]}"]{fill:${DARK[colour]}}`),
  },
  prompt: parts.map(({ kind }) => kind),
  shownText: parts[0] !== undefined && 'text' in parts[0] ? parts[0].text : '',
  isListedInPage:
    html.includes(`<option value="${added}">${added}</option>`) || html.includes(`>${added} wins<`),
};
process.stdout.write(JSON.stringify(report));
