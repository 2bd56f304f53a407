import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { PipelineName } from '../../src/pipelines/kinds.js';
import { nothingFound, describeNothingFound, isWithoutRetrieval } from '../../src/report/numbers/found.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import type { Summary } from '../../src/report/numbers/summary.js';
import { reportView } from '../../src/report/view/view.js';
import type { TaskRecord } from '../../src/run/record.js';
import { syntheticRun, type SyntheticRun } from '../support/synthetic-run.js';

const PIPELINES: readonly PipelineName[] = [
  ...(['no-context', 'full-rag', 'compressed', 'full-rag-shuffled', 'compressed-shuffled'] as const),
];
/** Nats a token of each pipeline beside what a task has by itself. */
const NATS: Readonly<Partial<Record<PipelineName, number>>> = {
  'no-context': 0,
  'full-rag': -0.25,
  'full-rag-shuffled': -0.05,
  compressed: -0.1,
  'compressed-shuffled': -0.04,
};

/** A run of eight repositories whose likelihoods are known: a token of each task costs 2, 2.1, … and what is above. */
function knownRun(shift: Readonly<Partial<Record<PipelineName, number>>> = NATS): SyntheticRun {
  const run = syntheticRun({ tasks: 48, pipelines: PIPELINES, retrievers: ['jaccard'] });
  const records = run.records.map((record): TaskRecord => {
    if (record.status !== 'scored') return record;
    const task = Number(record.taskId.slice(-4));
    // A task takes three, four or five quarters of the shift, and every other repository a tenth more or less. So tasks and
    // repositories differ, and the mean is the shift.
    const weight = 1 + ((task % 3) - 1) / 4 + (task % 2 === 0 ? 0.1 : -0.1);
    const each = 2 + 0.1 * (task % 6) + (shift[record.pipeline] ?? 0) * weight;
    return {
      ...record,
      repository: `r${task % 8}`,
      likelihood: {
        referenceNats: each * 4,
        endNats: 0.5,
        referenceTokens: 4,
        referenceCharacters: 12,
        tokenNats: [each, each, each, each],
      },
    };
  });
  return { ...run, records };
}

const summaryOf = ({ run, records }: SyntheticRun): Summary => summarizeRun(run, records);

describe('what a gain is due to', () => {
  const run = knownRun();
  const summary = summaryOf(run);

  test('is split in two parts that add up to the whole, for text and soft tokens alike', () => {
    assert.deepEqual(
      summary.attributions.map(({ of, control, base }) => [of.pipeline, control.pipeline, base.pipeline]),
      [
        ['full-rag', 'full-rag-shuffled', 'no-context'],
        ['compressed', 'compressed-shuffled', 'no-context'],
      ],
    );
    for (const { total, own, presence } of summary.attributions) {
      for (const read of [
        (one: typeof total) => one.likelihood!.perToken.delta!,
        (one: typeof total) => one.editSimilarity.delta!,
        (one: typeof total) => one.exactMatch.delta!,
      ]) {
        assert.ok(Math.abs(read(total) - read(own) - read(presence)) < 1e-9);
      }
    }
    const [text, soft] = summary.attributions;
    // −0.25 is −0.20 for its own chunks and −0.05 for chunks being there; −0.10 is −0.06 and −0.04.
    const parts = [text!, soft!].map(({ own, presence }) =>
      [own, presence].map(({ likelihood }) => Math.round(likelihood!.perToken.delta! * 1e6) / 1e6),
    );
    assert.deepEqual(parts, [
      [-0.2, -0.05],
      [-0.06, -0.04],
    ]);
  });

  test('says what share of the own part of text soft tokens win back: 0.06 of 0.20 is 30 %', () => {
    const soft = summary.attributions[1]!.ownShareOfText!;
    assert.ok(Math.abs(soft.likelihood!.percent - 30) < 1e-6);
    assert.equal(soft.likelihood!.tasks, 48);
    assert.equal(summary.attributions[0]!.ownShareOfText, null);
  });

  test('is said in the headline, and in a section of its own', () => {
    const view = reportView(summary, run.run, run.records);
    assert.match(
      view.headline,
      /Gains that the retrieved code explains: full-rag\/jaccard \(0\.200 nats a token\), compressed\/jaccard \(0\.060 nats a token\)\.$/,
    );
    const section = view.sections.find(({ id }) => id === 'attribution')!;
    assert.match(
      section.intro.join('\n'),
      /full-rag\/jaccard: the retrieved code explains a gain \(−0\.200 nats/,
    );
    const row = section.tables[0]!.rows.find(
      ([name, metric]) => name!.text === 'compressed/jaccard' && metric!.text === 'nats a token',
    )!;
    assert.match(row.map(({ text }) => text).join(' | '), /\| −0\.100 \[.*\| −0\.060 \[.*\| −0\.040 \[/);
    assert.match(section.tables[1]!.rows[0]!.map(({ text }) => text).join(' '), /30 % \[/);
  });

  test('is nothing where soft tokens of any chunks do as well', () => {
    const same = summaryOf(knownRun({ ...NATS, compressed: -0.1, 'compressed-shuffled': -0.1 }));
    const view = reportView(same, run.run, run.records);
    assert.match(view.headline, /explains: full-rag\/jaccard \(0\.200 .*; none is shown for compressed\.$/);
    assert.match(
      view.sections.find(({ id }) => id === 'attribution')!.intro.join('\n'),
      /compressed\/jaccard: nothing is shown to be due to the retrieved code .*Chunks being there at all explain a gain/s,
    );
  });

  test('needs a control: without one there is no section and no sentence', () => {
    const plain = syntheticRun({ tasks: 24 });
    const view = reportView(summaryOf(plain), plain.run, plain.records);
    assert.ok(!view.sections.some(({ id }) => id === 'attribution'));
    assert.doesNotMatch(view.headline, /explains/);
  });
});

describe('likelihood in a report', () => {
  test('has the sign of the nats: fewer are better', () => {
    const comparison = summaryOf(knownRun()).comparisons.find(
      ({ of, base }) => of.pipeline === 'full-rag' && base.pipeline === 'no-context',
    )!;
    const { delta, ci95, verdict, won, lost } = comparison.likelihood!.perToken;
    assert.ok(Math.abs(delta! + 0.25) < 1e-9);
    assert.ok(ci95![0] < -0.25 && -0.25 < ci95![1] && ci95![1] < 0);
    assert.deepEqual([verdict, won, lost], ['better', 48, 0]);
  });

  test('tells writing from ending: 4 tokens of 2 nats and an end of 0.5 are 2.5 nats a written token', () => {
    const { rows } = summaryOf(knownRun({}));
    const { perToken, writing, ending, perCharacter, tasks } = rows[0]!.likelihood!;
    // Six tasks of 2, 2.1, … 2.5 have a mean of 2.25: 9 nats in all, less 0.5, over three tokens.
    assert.equal(tasks, 48);
    for (const [value, expected] of [
      [perToken.mean, 2.25],
      [writing.mean, (9 - 0.5) / 3],
      [ending.mean, 0.5],
      [perCharacter.mean, 0.75],
    ] as const) {
      assert.ok(Math.abs(value! - expected) < 1e-9, `${value!} for ${expected}`);
    }
  });

  test('is nowhere where it was not measured', () => {
    const run = syntheticRun({ tasks: 12, likelihood: false });
    const summary = summaryOf(run);
    assert.ok(summary.rows.every(({ likelihood }) => likelihood === null));
    assert.ok(summary.comparisons.every(({ likelihood }) => likelihood === null));
    const view = reportView(summary, run.run, run.records);
    assert.ok(!view.sections.some(({ id }) => id === 'likelihood'));
    assert.doesNotMatch(JSON.stringify(view), /nats/);
  });
});

describe('a run in which retrieval found nothing', () => {
  const run = syntheticRun({ tasks: 16, retrievers: ['jaccard', 'bm25'] });
  const emptied = (retrievers: readonly string[], from: number): TaskRecord[] =>
    run.records.map((record) =>
      record.status === 'scored' &&
      record.retriever !== null &&
      retrievers.includes(record.retriever) &&
      Number(record.taskId.slice(-4)) >= from
        ? { ...record, chunks: [] }
        : record,
    );
  const rowsOf = (records: readonly TaskRecord[]) => summarizeRun(run.run, records).rows;

  test('is one where fewer than half of the tasks got a chunk', () => {
    assert.deepEqual(nothingFound(rowsOf(emptied(['jaccard'], 8)), [10]), []);
    const found = nothingFound(rowsOf(emptied(['jaccard'], 7)), [10]);
    assert.deepEqual(found, [{ name: 'jaccard', tasks: 16, found: 7 }]);
    assert.equal(describeNothingFound(found), 'retrieval found nothing for 9 of 16 tasks (jaccard)');
    assert.ok(!isWithoutRetrieval(rowsOf(emptied(['jaccard'], 7))));
    assert.ok(isWithoutRetrieval(rowsOf(emptied(['jaccard', 'bm25'], 0))));
  });

  test('is headlined so, and its caveats say it first', () => {
    const records = emptied(['jaccard', 'bm25'], 0);
    const view = reportView(summarizeRun(run.run, records), run.run, records);
    assert.match(
      view.headline,
      /^Retrieval found nothing for 16 of 16 tasks \(jaccard\), 16 of 16 tasks \(bm25\): most prompts/,
    );
    assert.match(view.caveats[0]!, /In this run retrieval found nothing for 16 of 16/);
  });
});
