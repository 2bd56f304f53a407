import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RetrievedChunk } from '../../src/domain/chunk.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { DecoderStep, KvCache } from '../../src/inference/decoder.js';
import type { MetricProfileName } from '../../src/metrics/registry.js';
import type { ContinuationScorer } from '../../src/inference/decoder.js';
import { metricProfile } from '../../src/metrics/registry.js';
import { configurations } from '../../src/run/configurations.js';
import { execute } from '../../src/run/execute.js';
import type { ExecutionParts, ExecutionPlan, TimingPlan } from '../../src/run/execution.js';
import { parseRecord, recordKey, type Configuration, type TaskRecord } from '../../src/run/record.js';
import { DEFAULT_PIPELINES, PIPELINES, usesRetrieval } from '../../src/pipelines/kinds.js';
import type { Pipeline } from '../../src/pipelines/pipeline.js';
import { bareBlock, crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { DEFAULT_RETRIEVERS } from '../../src/retrieval/kinds.js';
import type { Retriever } from '../../src/retrieval/retriever.js';
import { asShipped } from '../../src/retrieval/shipped.js';
import type { Matrix } from '../../src/tensor/matrix.js';
import { DeviceLostError } from '../../src/domain/errors.js';
import { RecordTable } from '../../src/run/record-table.js';
import type { TaskEvidence } from '../../src/run/task-evidence.js';
import { FakeDecoder, fakeTask, fakeTokenizer } from '../support/fakes.js';
import { CHUNKS, partsOf } from '../support/execution-parts.js';
import { some } from '../support/some.js';

const TASKS = [
  fakeTask('r/1', 'const x = ', 'answer', '\nmore'),
  fakeTask('r/2', 'other ', 'answer', '\nrest'),
];

const NO_CONTEXT: Configuration[] = [{ pipeline: 'no-context', retriever: null, topK: null }];

const repeated = (ttftRepeats: number): TimingPlan => ({ kind: 'timed', ttftRepeats });

function planOf(changed: Partial<ExecutionPlan> = {}): ExecutionPlan {
  return {
    tasks: TASKS,
    configurations: configurations({
      pipelines: DEFAULT_PIPELINES,
      retrievers: DEFAULT_RETRIEVERS,
      topK: [10],
    }),
    maxNewTokens: 50,
    timing: repeated(1),
    seed: 0,
    ...changed,
  };
}

async function collect(plan: ExecutionPlan, parts: ExecutionParts, recorded: Iterable<TaskRecord> = []) {
  const records: TaskRecord[] = [];
  const tasks: TaskEvidence[] = [];
  const isComplete = await execute(plan, parts, {
    recorded: RecordTable.from(recorded),
    isCancelled: () => false,
    onTask: (task) => {
      tasks.push(task);
      return Promise.resolve();
    },
    onRecord: (record) => {
      records.push(record);
      return Promise.resolve();
    },
  });
  return { records, tasks, isComplete };
}

describe('the core loop', () => {
  test('shows the chunks that a benchmark ships, and records neither lines nor scores that it does not state', async () => {
    const shipped: RetrievedChunk = {
      path: 'a.ts',
      startLine: null,
      endLine: null,
      score: null,
      text: 'x',
      shown: '// x',
    };
    const task = { ...TASKS[0]!, shipped: [shipped, { ...shipped, path: 'b.ts', shown: '// y' }] };
    const decoder = new FakeDecoder('answer');
    const plan = planOf({
      tasks: [task],
      configurations: [{ pipeline: 'full-rag', retriever: 'jaccard', topK: 1 }],
    });
    const { records } = await collect(plan, partsOf(decoder, { retriever: () => asShipped }));
    const [record] = records;
    assert.ok(record?.status === 'scored');
    assert.deepEqual(record.chunks, [{ path: 'a.ts', startLine: null, endLine: null, score: null }]);
    assert.deepEqual(parseRecord(JSON.parse(JSON.stringify(record))), record);
    const ids = Array.from(
      { length: decoder.prompts[0]!.rows },
      (_, row) => decoder.prompts[0]!.data[row * 2]!,
    );
    const text = fakeTokenizer.decode(ids.map((id) => tokenId(id)));
    assert.ok(text.includes('// x') && !text.includes('// y'), text);
  });

  test('records the failure of a task that ships no chunks', async () => {
    const { records } = await collect(
      planOf({ configurations: [{ pipeline: 'full-rag', retriever: 'jaccard', topK: 1 }] }),
      partsOf(new FakeDecoder('answer'), { retriever: () => asShipped }),
    );
    assert.deepEqual(
      records.map((record) => record.status === 'failed' && record.error.stage),
      ['retrieve', 'retrieve'],
    );
  });

  /** Every token costs half a nat, as long as it may score. */
  const scorer: ContinuationScorer = {
    logProbabilities: ({ ids, end }, { cache }) => {
      assert.ok(cache.length > 0);
      return Promise.resolve(new Float64Array(ids.length + (end === null ? 0 : 1)).fill(-0.5));
    },
  };

  test('records the likelihood of the reference, and the tasks hold the text of each position', async () => {
    const decoder = new FakeDecoder('answer');
    const { records, tasks } = await collect(
      planOf({ tasks: TASKS.slice(0, 1), timing: repeated(2) }),
      partsOf(decoder, { likelihood: { scorer, end: 'stop-token' } }),
    );
    assert.equal(records.length, 7);
    for (const record of records) {
      assert.ok(record.status === 'scored');
      // Six letters and a stop token.
      assert.deepEqual(record.likelihood, {
        ...{ referenceNats: 3.5, endNats: 0.5, referenceTokens: 7, referenceCharacters: 6 },
        tokenNats: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
      });
      assert.equal(record.exactMatch, 1);
    }
    assert.deepEqual(tasks[0]?.referencePieces, ['a', 'n', 's', 'w', 'e', 'r', '']);
    assert.equal(decoder.openCaches, 0);
  });

  test('leaves the likelihood out where prompt and reference have more positions than the decoder', async () => {
    const prompt = new FakeDecoder('');
    const plan = planOf({ tasks: TASKS.slice(0, 1), configurations: NO_CONTEXT, maxNewTokens: 1 });
    await collect(plan, partsOf(prompt));
    const length = prompt.prompts[0]!.rows;
    const likelihoodWith = async (positions: number): Promise<unknown> => {
      const decoder = new FakeDecoder('', positions);
      const { records } = await collect(
        plan,
        partsOf(decoder, { likelihood: { scorer, end: 'stop-token' } }),
      );
      assert.equal(decoder.openCaches, 0);
      assert.ok(records[0]?.status === 'scored');
      return records[0].likelihood?.referenceTokens;
    };
    // Six positions are read behind the prompt; the seventh, the end, is only asked for.
    assert.equal(await likelihoodWith(length + 6), 7);
    assert.equal(await likelihoodWith(length + 5), undefined);
  });

  test('records a reference that cannot be made as a failure of its task, and goes on with the next', async () => {
    const metrics = metricProfile('llavacode', null);
    const faulty: typeof metrics = {
      ...metrics,
      settling: (task) => {
        if (task.prefix === TASKS[0]!.prefix) throw new RangeError('the parser gave up');
        return metrics.settling(task);
      },
    };
    const { records, isComplete } = await collect(
      planOf({ configurations: NO_CONTEXT }),
      partsOf(new FakeDecoder('answer'), { metrics: faulty, likelihood: { scorer, end: 'stop-token' } }),
    );
    assert.ok(isComplete);
    assert.deepEqual(
      records.map((record) => (record.status === 'failed' ? record.error : record.status)),
      [{ stage: 'likelihood', message: 'the parser gave up' }, 'scored'],
    );
  });

  test('records a likelihood that is no number as a failure, and goes on', async () => {
    const broken: ContinuationScorer = {
      logProbabilities: () => Promise.reject(new RangeError('the log-probability of token 1 is NaN')),
    };
    const { records, isComplete } = await collect(
      planOf({ configurations: NO_CONTEXT }),
      partsOf(new FakeDecoder('answer'), { likelihood: { scorer: broken, end: 'stop-token' } }),
    );
    assert.ok(isComplete);
    assert.deepEqual(
      records.map((record) => record.status === 'failed' && record.error),
      TASKS.map(() => ({ stage: 'likelihood', message: 'the log-probability of token 1 is NaN' })),
    );
  });

  test('answers every task once a configuration, no-context once and not once a retriever', async () => {
    const { records, isComplete } = await collect(planOf(), partsOf(new FakeDecoder('answer')));
    assert.ok(isComplete);
    assert.equal(records.length, 14);
    assert.equal(new Set(records.map((record) => recordKey(record.taskId, record))).size, 14);
    assert.equal(records.filter((record) => record.pipeline === 'no-context').length, 2);
    assert.ok(records.every((record) => record.status === 'scored' && record.exactMatch === 1));
  });

  test('gives all pipelines the same left and right context, and soft tokens one position a chunk', async () => {
    const { records } = await collect(
      planOf({ tasks: TASKS.slice(0, 1) }),
      partsOf(new FakeDecoder('answer')),
    );
    const tokens = (pipeline: string): number => {
      const record = records.find((r) => r.pipeline === pipeline);
      return record?.status === 'scored' ? record.promptTokens : NaN;
    };
    // 'const x = ' has 10 characters, '\nmore' has 5; three markers: 18.
    assert.equal(tokens('no-context'), 18);
    assert.equal(tokens('compressed'), 20);
    assert.ok(tokens('full-rag') > 100);
  });

  test('cold TTFT is the sum of its stages', async () => {
    const { records } = await collect(planOf(), partsOf(new FakeDecoder('answer')));
    const timings = records.flatMap((record) => (record.status === 'scored' ? [record.timing!] : []));
    assert.equal(timings.length, 14);
    for (const t of some(timings)) {
      assert.equal(t.ttftColdMs, t.retrieveMs + t.tokenizeMs + t.encodeMs + t.projectMs + t.ttftMs);
    }
  });

  test('keeps every sample of repeated first tokens', async () => {
    const decoder = new FakeDecoder('answer');
    const { records } = await collect(planOf({ timing: repeated(4) }), partsOf(decoder));
    for (const record of some(records)) {
      if (record.status === 'scored') assert.equal(record.timing!.ttftSamplesMs.length, 4);
    }
    assert.equal(decoder.openCaches, 0);
  });

  test('times the first configuration twice a round and the others once, and reports both timings', async () => {
    const decoder = new FakeDecoder('answer');
    const { records } = await collect(
      planOf({ tasks: TASKS.slice(0, 1), timing: repeated(3) }),
      partsOf(decoder),
    );
    const [reference, ...others] = records.flatMap((r) => (r.status === 'scored' ? [r] : []));
    assert.equal(reference!.pipeline, 'no-context');
    // The clock moves on by 1 ms a look: embedding and prefill are looked at twice each, so 2 ms a sample.
    assert.deepEqual(reference!.timing!.control, { ttftMs: 2, ttftSamplesMs: [2, 2, 2] });
    assert.ok(some(others).every(({ timing }) => timing!.control === null));
    // 3 rounds of 7 configurations and the control; one warm-up of each of the two lengths' buckets.
    const lengths = new Set(decoder.prompts.map((prompt) => Math.ceil(prompt.rows / 128)));
    assert.equal(decoder.prompts.length, 3 * 8 + lengths.size);
    assert.equal(decoder.openCaches, 0);
  });

  /** The reference configuration alone, on one task. */
  const alone: Partial<ExecutionPlan> = {
    tasks: TASKS.slice(0, 1),
    configurations: configurations({ pipelines: ['no-context'], retrievers: [], topK: [] }),
  };

  test('gives the second timing a place of its own in the order: now before the first, now after', async () => {
    class Watched extends FakeDecoder {
      readonly calls: string[] = [];
      override prefill(inputs: Matrix): Promise<DecoderStep> {
        this.calls.push('prefill');
        return super.prefill(inputs);
      }
      override decode(token: TokenId, cache: KvCache): Promise<DecoderStep> {
        if (this.calls.at(-1) !== 'decode') this.calls.push('decode');
        return super.decode(token, cache);
      }
    }
    const orders = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      const decoder = new Watched('answer');
      await collect(planOf({ ...alone, seed }), partsOf(decoder));
      orders.add(decoder.calls.join(' '));
    }
    // The warm-up and its decode step, then the two timings; the completion follows only the first of them.
    assert.deepEqual([...orders].sort(), [
      'prefill decode prefill decode prefill',
      'prefill decode prefill prefill decode',
    ]);
  });

  test('a failing second timing fails its configuration, which is recorded once', async () => {
    class LosesItsDevice extends FakeDecoder {
      override prefill(inputs: Matrix): Promise<DecoderStep> {
        // Warm-up, one timing, then the other.
        return this.prompts.length === 2 ? Promise.reject(new Error('device lost')) : super.prefill(inputs);
      }
    }
    for (let seed = 0; seed < 4; seed++) {
      const decoder = new LosesItsDevice('answer');
      const { records } = await collect(planOf({ ...alone, seed }), partsOf(decoder));
      assert.deepEqual(
        records.map((record) => (record.status === 'failed' ? record.error : record.status)),
        [{ stage: 'prefill', message: 'device lost' }],
      );
      assert.equal(decoder.openCaches, 0);
    }
  });

  test('a sweep records what a run of its own at each top-k records', async () => {
    const axes = { pipelines: PIPELINES, retrievers: ['bm25'] as const };
    const swept = await collect(
      planOf({ configurations: configurations({ ...axes, topK: [1, 2] }) }),
      partsOf(new FakeDecoder('answer')),
    );
    // Pipelines without retrieval once, the others at two top-k; two tasks.
    const retrieving = PIPELINES.filter(usesRetrieval).length;
    assert.equal(swept.records.length, 2 * (PIPELINES.length - retrieving + retrieving * 2));
    const untimed = (records: readonly TaskRecord[]) =>
      new Map(records.map((record) => [recordKey(record.taskId, record), { ...record, timing: null }]));
    const all = untimed(swept.records);
    for (const k of [1, 2]) {
      const plan = planOf({ configurations: configurations({ ...axes, topK: [k] }) });
      const { records } = await collect(plan, partsOf(new FakeDecoder('answer')));
      for (const [key, record] of some(untimed(records))) assert.deepEqual(all.get(key), record);
    }
  });

  test('hands over what each task was before its records, and the prompts follow from that', async () => {
    const events: string[] = [];
    let evidence: TaskEvidence | undefined;
    const records: TaskRecord[] = [];
    const long = fakeTask('r/long', 'p'.repeat(60) + 'left', 'answer', 'right' + 's'.repeat(60));
    const pipelines = ['no-context', 'full-rag', 'budget-rag'] as const;
    const axes = { pipelines, retrievers: ['bm25'] as const, topK: [1, 2] };
    const decoder = new FakeDecoder('answer');
    await execute(planOf({ tasks: [long], configurations: configurations(axes) }), partsOf(decoder), {
      recorded: new RecordTable(),
      isCancelled: () => false,
      onTask: (task) => {
        events.push('task');
        evidence = task;
        return Promise.resolve();
      },
      onRecord: (record) => {
        events.push('record');
        records.push(record);
        return Promise.resolve();
      },
    });
    assert.deepEqual(events, ['task', ...Array.from({ length: 5 }, () => 'record')]);
    const { left, right, chunks, language } = evidence!;
    // 40 tokens left and 20 right, one token a character.
    assert.deepEqual([left, right], ['p'.repeat(36) + 'left', 'right' + 's'.repeat(15)]);
    // Each chunk once, although four configurations were given one or both.
    assert.deepEqual(
      chunks,
      CHUNKS.map(({ path, startLine, endLine, text }) => ({ path, startLine, endLine, text })),
    );
    // With a record it gives back the prompt that was timed, here as the decoder saw it: ids in column 0.
    const seen = new Set(
      decoder.prompts.map((prompt) =>
        fakeTokenizer.decode([...prompt.data].filter((_, i) => i % 2 === 0).map(tokenId)),
      ),
    );
    for (const record of some(records)) {
      assert.ok(record.status === 'scored');
      const shown = record.chunks.map(({ path }) => chunks.find((chunk) => chunk.path === path)!);
      const block =
        record.pipeline === 'full-rag'
          ? crossFileBlock(shown, language)
          : record.pipeline === 'budget-rag'
            ? bareBlock(shown)
            : '';
      const prompt = block.slice(0, record.contextCharacters) + left + right;
      assert.ok(seen.has(prompt), `${record.pipeline}: ${prompt}`);
    }
  });

  test('has no evidence of a task of which no prompt could be made', async () => {
    const broken = { ...partsOf(new FakeDecoder('answer')) };
    const failing = new Map(
      [...broken.pipelines].map(([name]): [Pipeline['name'], Pipeline] => [
        name,
        { name, prepare: () => Promise.reject(new Error('no such word')) },
      ]),
    );
    const { tasks, records } = await collect(planOf(), { ...broken, pipelines: failing });
    assert.deepEqual([tasks.length, records.filter(({ status }) => status === 'failed').length], [0, 14]);
  });

  test('a configuration that fails is recorded with stage and message while the others go on', async () => {
    const parts = partsOf(new FakeDecoder('answer'), {
      retriever: (name) => ({
        name,
        retrieve: () =>
          name === 'bm25' ? Promise.reject(new Error('index is gone')) : Promise.resolve(CHUNKS),
      }),
    });
    const { records } = await collect(planOf({ tasks: TASKS.slice(0, 1) }), parts);
    const failed = records.filter((record) => record.status === 'failed');
    assert.deepEqual(
      failed.map((record) => [record.pipeline, record.retriever, record.error]),
      ['full-rag', 'compressed'].map((p) => [p, 'bm25', { stage: 'retrieve', message: 'index is gone' }]),
    );
    assert.equal(records.filter((record) => record.status === 'scored').length, 5);
  });

  test('a prompt beyond the positions of the decoder is skipped with its length, not cut', async () => {
    const { records } = await collect(
      planOf({ tasks: TASKS.slice(0, 1) }),
      partsOf(new FakeDecoder('answer', 80)),
    );
    const skipped = records.filter((record) => record.status === 'skipped');
    assert.deepEqual(
      skipped.map((record) => record.pipeline),
      ['full-rag', 'full-rag', 'full-rag'],
    );
  });

  test('the metric profile cuts, scores and ends completions, and its extra scores are recorded', async () => {
    const task = { ...fakeTask('r/1', 'const x = ', 'a(b);', ''), language: 'java' as const };
    const decoder = new FakeDecoder('a(c); // more\nthings');
    const plan = planOf({ tasks: [task], configurations: NO_CONTEXT });
    const scoredWith = async (name: MetricProfileName) => {
      const { records } = await collect(plan, partsOf(decoder, { metrics: metricProfile(name, null) }));
      assert.ok(records[0]?.status === 'scored');
      return records[0];
    };
    const cceval = await scoredWith('cceval');
    // 2 of the 3 identifiers a, b, c are on one side only: shared 1 of 2, F1 2 x 1 / 4. Indel 2 x 4 / 10.
    assert.deepEqual(
      [cceval.completion, cceval.rawCompletion, cceval.stopReason, cceval.exactMatch, cceval.editSimilarity],
      ['a(c);', 'a(c);', 'settled', 0, 0.8],
    );
    assert.deepEqual(cceval.extras, { idEm: 0, idPrecision: 0.5, idRecall: 0.5, idF1: 0.5 });
    const llavacode = await scoredWith('llavacode');
    assert.deepEqual(
      [llavacode.completion, llavacode.rawCompletion, llavacode.extras],
      ['a(c); // more', 'a(c); // more\n', undefined],
    );
  });

  test('a task without a value in the profile is skipped before anything is retrieved or generated', async () => {
    const parts = partsOf(new FakeDecoder('x'), {
      metrics: metricProfile('repocoder', null),
      retriever: () => assert.fail('retrieved'),
    });
    const { records } = await collect(planOf({ tasks: [fakeTask('r/1', 'x = ', ' \n', '')] }), parts);
    assert.equal(records.length, 7);
    for (const record of some(records)) {
      assert.ok(record.status === 'skipped');
      assert.deepEqual([record.reason, record.promptTokens], ['no-reference', null]);
    }
  });

  test('recorded configurations do not run again, and the order of the others does not depend on it', async () => {
    const whole = await collect(planOf(), partsOf(new FakeDecoder('answer')));
    const done = whole.records.slice(0, 9);
    const rest = await collect(planOf(), partsOf(new FakeDecoder('answer')), done);
    assert.deepEqual(
      rest.records.map((record) => recordKey(record.taskId, record)),
      whole.records.slice(9).map((record) => recordKey(record.taskId, record)),
    );
  });

  test('a device that is lost ends the loop; the task at hand has no records, and those before keep theirs', async () => {
    const records: TaskRecord[] = [];
    const decoder = new FakeDecoder('answer');
    const lost = {
      ...partsOf(decoder),
      retriever: (): Retriever => ({
        name: 'jaccard',
        retrieve: (task, k) =>
          task.prefix === TASKS[1]!.prefix
            ? Promise.reject(new DeviceLostError('the device was lost'))
            : Promise.resolve(CHUNKS.slice(0, k)),
      }),
    };
    await assert.rejects(
      execute(planOf(), lost, {
        recorded: new RecordTable(),
        isCancelled: () => false,
        onTask: () => Promise.resolve(),
        onRecord: (record) => {
          records.push(record);
          return Promise.resolve();
        },
      }),
      DeviceLostError,
    );
    assert.equal(records.length, 7);
    assert.ok(records.every(({ taskId, status }) => taskId === TASKS[0]!.id && status === 'scored'));
  });

  test('cancelling stops between tasks, with whole tasks recorded', async () => {
    const records: TaskRecord[] = [];
    const isComplete = await execute(planOf(), partsOf(new FakeDecoder('answer')), {
      recorded: new RecordTable(),
      isCancelled: () => records.length > 0,
      onTask: () => Promise.resolve(),
      onRecord: (record) => {
        records.push(record);
        return Promise.resolve();
      },
    });
    assert.deepEqual([isComplete, records.length], [false, 7]);
  });
});
