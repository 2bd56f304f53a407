import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packTasks, readPageEvidence } from '../../src/report/html/explorer-data.js';
import { diffPieces } from '../../src/report/page/diff.js';
import { promptParts } from '../../src/report/page/prompt-parts.js';
import { chunksOf, matches, outcomesOf, standing, unpackResult } from '../../src/report/page/tasks.js';
import { taskFragment, taskOfFragment } from '../../src/report/page/task-link.js';
import type { Filter, Outcome } from '../../src/report/page/tasks.js';
import { crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { configurations } from '../../src/run/configurations.js';
import { isSameConfiguration } from '../../src/run/record.js';
import { some } from '../support/some.js';
import { syntheticRun, type SyntheticRun } from '../support/synthetic-run.js';

const made = syntheticRun({
  tasks: 24,
  failures: 2,
  pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed'],
  topK: [3, 10],
});

const pack = ({ run, records, evidence }: SyntheticRun, limit: number | 'fit' | 'all' = 'fit') =>
  packTasks(
    configurations(run.spec),
    run.spec,
    records,
    new Map(evidence.map((task) => [task.taskId, task])),
    limit,
  );

const data = pack(made);
const bm25 = { retriever: 'bm25', topK: 10, against: 'full-rag' } as const;
const everything: Filter = { ...bm25, outcome: 'all', repository: '', crossFileOnly: false, words: '' };
const listed = (filter: Partial<Filter>) =>
  data.tasks.filter((task) => matches(data, task, { ...everything, ...filter })).map(({ id }) => id);

const scored = (pipeline: 'compressed' | 'full-rag', exactMatch: 0 | 1, editSimilarity: number): Outcome => ({
  configuration: { pipeline, retriever: 'bm25', topK: 10 },
  result: unpackResult(['s', exactMatch, editSimilarity, 1, 1, 1, 0, 0, 0, 1, '', 0]),
});

describe('packed tasks', () => {
  test('hold the nats of each position of the reference and its text, where they were measured', () => {
    for (const record of some(made.records.filter(({ status }) => status === 'scored'))) {
      assert.ok(record.status === 'scored');
      const task = data.tasks.find(({ id }) => id === record.taskId)!;
      const index = data.configurations.findIndex((one) => isSameConfiguration(one, record));
      const result = unpackResult(task.results[index]!);
      assert.ok(result.status === 'scored');
      assert.equal(result.tokenNats?.length, task.source?.pieces?.length);
      const distances = result.tokenNats!.map((nats, i) => Math.abs(nats - record.likelihood!.tokenNats[i]!));
      assert.ok(Math.max(...distances) <= 0.005 + 1e-9);
      assert.equal(task.source!.pieces!.join(''), task.source!.reference);
    }
    const without = pack(syntheticRun({ tasks: 4, likelihood: false }));
    assert.equal(without.tasks[0]?.source?.pieces, undefined);
    const [first] = without.tasks[0]!.results;
    const result = unpackResult(first!);
    assert.ok(result.status === 'scored' && result.tokenNats === undefined);
  });

  test('put the constant prompt in front of what stands before the code, and behind what stands after it', () => {
    const soft = syntheticRun({ tasks: 2, pipelines: ['no-context', 'compressed'], retrievers: ['bm25'] });
    const partsOf = (contextPlacement: 'before-prefix' | 'after-suffix', pipeline: string): string[] => {
      const { spec } = soft.run;
      const models = { ...spec.models, softPrompt: { identity: 'c', tokens: 3 } };
      const withThree = soft.records.map((record) =>
        record.status === 'scored' && record.pipeline !== 'no-context'
          ? { ...record, softTokens: record.softTokens + 3 }
          : record,
      );
      const packed = pack({
        ...soft,
        run: { ...soft.run, spec: { ...spec, contextPlacement, models } },
        records: withThree,
      });
      const task = packed.tasks[0]!;
      const outcome = outcomesOf(packed, task, bm25).find(
        ({ configuration }) => configuration.pipeline === pipeline,
      )!;
      return promptParts(packed, task, outcome)!.map((part) =>
        part.kind === 'constants' || part.kind === 'soft' ? `${part.kind} ${part.count}` : part.kind,
      );
    };
    assert.deepEqual(partsOf('before-prefix', 'compressed'), [
      ...['constants 3', 'soft 10', 'left', 'hole', 'right'],
    ]);
    assert.deepEqual(partsOf('after-suffix', 'compressed'), [
      ...['left', 'hole', 'right', 'soft 10', 'constants 3'],
    ]);
    assert.deepEqual(partsOf('before-prefix', 'no-context'), ['left', 'hole', 'right']);
  });

  test('give back every record of the run', () => {
    for (const record of made.records) {
      const task = data.tasks.find(({ id }) => id === record.taskId)!;
      const index = data.configurations.findIndex(
        ({ pipeline, retriever, topK }) =>
          pipeline === record.pipeline && retriever === record.retriever && topK === record.topK,
      );
      const result = unpackResult(task.results[index]!);
      assert.equal(result.status, record.status);
      if (result.status !== 'scored' || record.status !== 'scored') continue;
      assert.deepEqual(
        [result.exactMatch, result.completion, result.promptTokens, result.softTokens],
        [record.exactMatch, record.completion, record.promptTokens, record.softTokens],
      );
      assert.ok(Math.abs(result.editSimilarity - record.editSimilarity * 100) < 0.01);
      assert.deepEqual(
        chunksOf(data, task, result).map(({ path, startLine, endLine }) => ({ path, startLine, endLine })),
        record.chunks.map(({ path, startLine, endLine }) => ({ path, startLine, endLine })),
      );
    }
  });

  test('hold every chunk once, however many configurations and tasks it was shown to', () => {
    assert.equal(new Set(data.texts).size, data.texts.length);
    assert.equal(new Set(data.chunks.map((chunk) => JSON.stringify(chunk))).size, data.chunks.length);
  });

  test('do not depend on the order of the records', () => {
    const reversed = {
      ...made,
      records: [...made.records].reverse(),
      evidence: [...made.evidence].reverse(),
    };
    assert.deepEqual(pack(reversed), data);
  });

  test('hold the prompts of failed tasks first, and an excerpt of the others', () => {
    const two = pack(made, 2);
    assert.equal(two.whole, 2);
    const whole = two.tasks.filter(({ source }) => source!.isWhole).map(({ id }) => id);
    assert.deepEqual(whole, ['relay/0000', 'shop/0001']);
    const excerpt = two.tasks.find(({ source }) => !source!.isWhole)!;
    assert.ok(made.evidence.some(({ left }) => left.endsWith(excerpt.source!.left)));
    assert.ok(excerpt.lists.every((list) => list.length === 0));
  });

  test('of a run of more than 10,000 tasks are those that failed or disagree first, unless all are asked for', () => {
    const none = { pipelines: ['no-context'], retrievers: [], topK: [] } as const;
    const large = syntheticRun({ tasks: 10_040, contextCharacters: 1, ...none });
    const [failed] = large.records.splice(-1);
    const { taskId, repository, crossFile, pipeline, retriever, topK } = failed!;
    const identity = { taskId, repository, crossFile, pipeline, retriever, topK };
    large.records.push({ ...identity, status: 'failed', error: { stage: 'prefill', message: 'lost' } });
    const packed = pack({ ...large, evidence: [] });
    assert.deepEqual([packed.tasks.length, packed.total], [10_000, 10_040]);
    assert.ok(packed.tasks.some(({ id }) => id === taskId));
    assert.equal(pack({ ...large, evidence: [] }, 'all').tasks.length, 10_040);
  });

  test('are the same from a file of which only what the page needs was kept', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llava-eval-page-evidence-'));
    try {
      const path = join(folder, 'tasks.jsonl');
      await writeFile(path, made.evidence.map((one) => `${JSON.stringify(one)}\n`).join(''));
      const packed = async (limit: number | 'fit' | 'all', budget?: number) =>
        packTasks(
          configurations(made.run.spec),
          made.run.spec,
          made.records,
          await readPageEvidence(path, made.records, limit, budget),
          limit,
        );
      for (const limit of ['fit', 'all', 2] as const) {
        assert.deepEqual(await packed(limit), pack(made, limit), String(limit));
      }
      // A task has about 600 characters around its hole and 12 chunks: about three of 24 fit.
      const few = await packed('fit', 6000);
      assert.ok(few.whole >= 1 && few.whole < 12, String(few.whole));
      assert.deepEqual(few, pack(made, few.whole));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('of a run folder without tasks.jsonl keep outcomes and have no source', () => {
    const bare = pack({ ...made, evidence: [] });
    assert.equal(bare.whole, 0);
    assert.ok(bare.tasks.every(({ source }) => source === null));
    assert.equal(bare.tasks[5]!.results.length, data.configurations.length);
  });

  test('keep chunks without lines in the order of the benchmark', () => {
    const [record] = made.records.filter(({ pipeline }) => pipeline === 'full-rag').slice(-1);
    const [source] = made.evidence.slice(-1);
    assert.ok(record?.status === 'scored' && source !== undefined);
    const unplaced = { startLine: null, endLine: null };
    const shipped = {
      ...made,
      records: [{ ...record, chunks: ['a.py', 'a.py'].map((path) => ({ path, ...unplaced, score: null })) }],
      evidence: [
        {
          ...source,
          chunks: ['one', 'two'].map((text) => ({ path: 'a.py', ...unplaced, text, shown: `# ${text}\n` })),
        },
      ],
    };
    const packed = pack(shipped);
    const [task] = packed.tasks;
    const [outcome] = outcomesOf(packed, task!, { ...bm25, retriever: record.retriever, topK: record.topK });
    assert.ok(outcome?.result.status === 'scored');
    const chunks = chunksOf(packed, task!, outcome.result);
    assert.deepEqual(
      chunks.map(({ text, shown }) => [text, shown]),
      [
        ['one', '# one\n'],
        ['two', '# two\n'],
      ],
    );
  });
});

describe('a task of the explorer', () => {
  test('is won by the higher EM, and where that is equal by the higher ES', () => {
    const against = (own: Outcome, other: Outcome) => standing([own, other], 'compressed', 'full-rag');
    assert.deepEqual(against(scored('compressed', 1, 90), scored('full-rag', 0, 95)), {
      standing: 'better',
      points: -5,
    });
    assert.equal(against(scored('compressed', 0, 40), scored('full-rag', 0, 60)).standing, 'worse');
    assert.equal(against(scored('compressed', 1, 100), scored('full-rag', 1, 100)).standing, 'same');
    assert.deepEqual(standing([scored('compressed', 1, 100)], 'compressed', 'full-rag'), {
      standing: 'unscored',
      points: null,
    });
  });

  test('is in exactly one of wins, losses, ties and unscored', () => {
    const parts = (['better', 'worse', 'same'] as const).flatMap((outcome) => listed({ outcome }));
    assert.deepEqual([...parts, ...listed({ outcome: 'unscored' })].sort(), listed({}));
    // The synthetic run lets the first two tasks fail under full-rag.
    assert.deepEqual(listed({ outcome: 'unscored' }), ['relay/0000', 'shop/0001']);
  });

  test('is found by repository, by cross-file use and by every word of a search', () => {
    assert.deepEqual(
      listed({ repository: 'relay' }),
      listed({}).filter((id) => id.startsWith('relay/')),
    );
    // Every third task is marked.
    assert.equal(listed({ crossFileOnly: true }).length, 8);
    assert.deepEqual(listed({ words: 'ATLAS/0003' }), ['atlas/0003']);
    assert.deepEqual(listed({ words: 'atlas/0003 no-such-word' }), []);
  });

  test('shows the prompt of each pipeline in the order of its ids', () => {
    const task = data.tasks.at(-1)!;
    const outcomes = outcomesOf(data, task, bm25);
    const kinds = outcomes.map((outcome) => [
      outcome.configuration.pipeline,
      promptParts(data, task, outcome)!.map(({ kind }) => kind),
    ]);
    assert.deepEqual(kinds, [
      ['no-context', ['left', 'hole', 'right']],
      ['full-rag', ['retrieved', 'left', 'hole', 'right']],
      ['budget-rag', ['retrieved', 'left', 'hole', 'right']],
      ['compressed', ['soft', 'left', 'hole', 'right']],
    ]);
    const after = { ...data, placement: 'after-suffix' };
    assert.deepEqual(
      promptParts(after, task, outcomes[1]!)!.map(({ kind }) => kind),
      ['left', 'hole', 'right', 'retrieved'],
    );
  });

  test('shows of the retrieved block what the prompt held, to the character', () => {
    const task = data.tasks.at(-1)!;
    const outcome = outcomesOf(data, task, bm25)[1]!;
    assert.ok(outcome.result.status === 'scored');
    const block = crossFileBlock(chunksOf(data, task, outcome.result), 'typescript');
    const [part] = promptParts(data, task, outcome)!;
    assert.deepEqual(part, {
      kind: 'retrieved',
      text: block.slice(0, outcome.result.contextCharacters),
    });
    assert.ok(block.length > outcome.result.contextCharacters, 'the block of this test is cut');
  });
});

describe('a diff', () => {
  test('has the completion and the reference as its two readings', () => {
    const [completion, reference] = ['return cart.total(item);', 'return cart.price(item, 2);'];
    const pieces = diffPieces(completion, reference);
    const reading = (without: string): string =>
      pieces
        .filter(({ kind }) => kind !== without)
        .map(({ text }) => text)
        .join('');
    assert.equal(reading('reference'), completion);
    assert.equal(reading('completion'), reference);
    assert.ok(pieces.some(({ kind, text }) => kind === 'same' && text.includes('return cart.')));
  });
});

describe('the address of a task', () => {
  test('gives back any id, and nothing where it names none', () => {
    for (const id of ['shop/0001', 'a b#c%d', 'ü/𝟙', '']) assert.equal(taskOfFragment(taskFragment(id)), id);
    assert.equal(taskFragment('shop/0001'), '#task=shop%2F0001');
    assert.deepEqual(['', '#overview', '#task=%'].map(taskOfFragment), [null, null, null]);
  });
});
