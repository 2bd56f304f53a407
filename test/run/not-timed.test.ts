import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeviceLostError } from '../../src/domain/errors.js';
import type { CompletionTask } from '../../src/domain/task.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { ContinuationScorer, Decoder, DecoderStep, KvCache } from '../../src/inference/decoder.js';
import { configurations } from '../../src/run/configurations.js';
import { execute } from '../../src/run/execute.js';
import type { ExecutionPlan } from '../../src/run/execution.js';
import { parseRecord, recordKey, type TaskRecord } from '../../src/run/record.js';
import { RecordTable } from '../../src/run/record-table.js';
import type { TaskEvidence } from '../../src/run/task-evidence.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { partsOf } from '../support/execution-parts.js';
import { FakeDecoder, fakeTask, fakeTokenizer } from '../support/fakes.js';
import { some } from '../support/some.js';
import { without } from '../support/without.js';

const ANSWERS = ['answer', 'wrong', 'answers'].map((text) => [...fakeTokenizer.encode(text), tokenId(0)]);

/** A sequence that {@link OutOfOrder} goes on with: its answer, and how much of it was given. */
interface Sequence extends KvCache {
  readonly answer: readonly TokenId[];
  readonly given: number;
}

/**
 * A decoder for several sequences, each of whose calls takes a random time. The answer follows from the length of the
 * prompt, so that sequences which get into each other's way are found.
 */
class OutOfOrder implements Decoder {
  readonly identity = 'out-of-order';
  readonly device = 'cpu';
  readonly dtype = 'fp32';
  readonly width = 2;
  readonly vocabularySize = fakeTokenizer.vocabularySize;
  readonly maxPositions = 100_000;
  readonly concurrent = true;
  readonly wire = null;
  readonly sharedStarts = null;
  readonly scorer: ContinuationScorer;
  readonly #rng: Rng;
  prefills = 0;
  openCaches = 0;
  atOnce = 0;
  mostAtOnce = 0;

  constructor(seed: number) {
    this.#rng = createRng(seed);
    this.scorer = {
      logProbabilities: async ({ ids, end }, { cache }) => {
        await this.#delay();
        // A nat for every hundred positions before, at each token.
        return new Float64Array(ids.length + (end === null ? 0 : 1)).fill(-cache.length / 100);
      },
    };
  }

  embed(ids: readonly TokenId[]): Matrix {
    return matrixOf(ids.length, 2, Float32Array.from(ids.flatMap((id) => [id, 1])));
  }

  async prefill({ rows }: Matrix): Promise<DecoderStep> {
    this.prefills++;
    await this.#delay();
    return this.#step(ANSWERS[rows % ANSWERS.length]!, 0, rows);
  }

  async decode(token: TokenId, cache: KvCache): Promise<DecoderStep> {
    const { answer, given, length } = cache as Sequence;
    assert.equal(token, answer[given]);
    cache.dispose();
    await this.#delay();
    return this.#step(answer, given + 1, length + 1);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  async #delay(): Promise<void> {
    this.atOnce++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    for (let turns = this.#rng.int(4); turns > 0; turns--) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    this.atOnce--;
  }

  #step(answer: readonly TokenId[], given: number, length: number): DecoderStep {
    this.openCaches++;
    let isOpen = true;
    const cache: Sequence = {
      ...{ answer, given, length },
      dispose: () => {
        if (isOpen) this.openCaches--;
        isOpen = false;
      },
    };
    return { token: answer[given]!, logits: new Float32Array(1), cache };
  }
}

/** Tasks whose prompts have lengths of their own. */
const TASKS: CompletionTask[] = Array.from({ length: 12 }, (_, i) =>
  fakeTask(`r/${i}`, `${'p'.repeat(i)} = `, 'answer', '\nmore'),
);

function planOf(tasksAtOnce: number, changed: Partial<ExecutionPlan> = {}): ExecutionPlan {
  return {
    tasks: TASKS,
    configurations: configurations({
      pipelines: ['no-context', 'full-rag', 'compressed'],
      retrievers: ['bm25'],
      topK: [2],
    }),
    maxNewTokens: 50,
    timing: { kind: 'not-timed', tasksAtOnce },
    seed: 0,
    ...changed,
  };
}

/** What a run wrote, line by line. */
interface Written {
  readonly records: TaskRecord[];
  readonly tasks: TaskEvidence[];
  readonly isComplete: boolean;
}

/** @param isEnough Ends the run early, by what is recorded. */
async function answered(
  decoder: Decoder,
  plan: ExecutionPlan,
  earlier: readonly TaskRecord[] = [],
  isEnough: (records: readonly TaskRecord[]) => boolean = () => false,
): Promise<Written> {
  const records: TaskRecord[] = [];
  const tasks: TaskEvidence[] = [];
  const { scorer } = decoder;
  const parts = partsOf(decoder, { likelihood: scorer === null ? null : { scorer, end: 'stop-token' } });
  const isComplete = await execute(plan, parts, {
    recorded: RecordTable.from(earlier),
    isCancelled: () => isEnough(records),
    onTask: async (task) => {
      await Promise.resolve();
      tasks.push(task);
    },
    onRecord: async (record) => {
      await Promise.resolve();
      records.push(record);
    },
  });
  return { records, tasks, isComplete };
}

const sorted = (records: readonly TaskRecord[]): string[] =>
  records.map((record) => JSON.stringify(record)).sort();

/** The tasks of some records, each as often as its records stand apart from each other. */
const inTurn = (records: readonly TaskRecord[]): string[] =>
  records.map(({ taskId }) => taskId).filter((id, i, all) => id !== all[i - 1]);

describe('a run that is not timed', () => {
  test('prefills each prompt once: nothing is warmed up, repeated or timed twice', async () => {
    const decoder = new FakeDecoder('answer');
    const { records } = await answered(decoder, planOf(1));
    // 12 tasks under 3 configurations.
    assert.deepEqual([records.length, decoder.prompts.length, decoder.openCaches], [36, 36, 0]);
  });

  test('records everything but times', async () => {
    const plan = { seed: 3, tasks: TASKS.slice(0, 2) };
    const timing = { kind: 'timed', ttftRepeats: 2 } as const;
    const { records: timed } = await answered(new OutOfOrder(1), planOf(1, { ...plan, timing }));
    const { records } = await answered(new OutOfOrder(1), planOf(1, plan));
    assert.equal(records.length, 6);
    for (const [i, record] of some(records.entries())) {
      assert.ok(record.status === 'scored' && record.likelihood !== undefined && !('timing' in record));
      assert.deepEqual(record, without(timed[i] as typeof record, 'timing'));
      assert.deepEqual(parseRecord(JSON.parse(JSON.stringify(record))), record);
    }
  });
});

describe('tasks that overlap', () => {
  test('write the records of tasks one after the other, whatever the order in which a decoder answers', async () => {
    const alone = await answered(new OutOfOrder(0), planOf(1));
    const orders = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const decoder = new OutOfOrder(seed);
      const together = await answered(decoder, planOf(4));
      assert.ok(together.isComplete);
      assert.deepEqual(sorted(together.records), sorted(alone.records));
      assert.equal(inTurn(together.records).length, TASKS.length);
      assert.deepEqual(
        together.tasks.map(({ taskId }) => taskId),
        inTurn(together.records),
      );
      assert.deepEqual([decoder.prefills, decoder.openCaches, decoder.mostAtOnce], [36, 0, 4]);
      orders.add(inTurn(together.records).join());
    }
    assert.ok(orders.size > 5, `${orders.size} orders`);
  });

  test('are finished when the run is interrupted, and a run that is continued answers the others', async () => {
    const whole = sorted((await answered(new OutOfOrder(0), planOf(1))).records);
    for (let seed = 1; seed <= 10; seed++) {
      const first = await answered(
        new OutOfOrder(seed),
        planOf(4),
        [],
        (records) => records.length >= 3 * (seed % 4),
      );
      assert.ok(!first.isComplete);
      // A kill may cut a task in two: its last record is lost.
      const kept = first.records.slice(0, -1);
      const rest = await answered(new OutOfOrder(seed), planOf(1 + (seed % 4)), kept);
      assert.ok(rest.isComplete);
      assert.deepEqual(sorted([...kept, ...rest.records]), whole);
    }
  });

  test('hold a limit of failures: none begins after it is passed', async () => {
    class Failing extends OutOfOrder {
      override async prefill(inputs: Matrix): Promise<DecoderStep> {
        const step = await super.prefill(inputs);
        step.cache.dispose();
        throw new Error('no room');
      }
    }
    const { records, isComplete } = await answered(
      new Failing(5),
      planOf(3),
      [],
      (all) => all.filter(({ status }) => status === 'failed').length > 3,
    );
    assert.ok(!isComplete);
    // A task fails three times. The second passes the limit of 3; two more are at hand then.
    assert.deepEqual([records.length, inTurn(records).length], [12, 4]);
    assert.ok(records.every((record) => record.status === 'failed' && record.error.stage === 'prefill'));
  });

  test('that are at hand when a device is lost keep their records, and no other begins', async () => {
    class Lost extends OutOfOrder {
      override prefill(inputs: Matrix): Promise<DecoderStep> {
        return this.prefills === 4
          ? Promise.reject(new DeviceLostError('the server is gone'))
          : super.prefill(inputs);
      }
    }
    const records: TaskRecord[] = [];
    const decoder = new Lost(2);
    await assert.rejects(
      execute(planOf(3), partsOf(decoder), {
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
    const keys = records.map((record) => recordKey(record.taskId, record));
    assert.equal(new Set(keys).size, records.length);
    // Whole tasks only, of the first three and at most those that began before the loss.
    assert.equal(records.length, 3 * inTurn(records).length);
    assert.ok(inTurn(records).length < 5, inTurn(records).join());
    assert.equal(decoder.openCaches, 0);
  });

  test('write nothing behind a record that could not be written', async () => {
    const written: string[] = [];
    await assert.rejects(
      execute(planOf(4), partsOf(new OutOfOrder(3)), {
        recorded: new RecordTable(),
        isCancelled: () => false,
        onTask: () => Promise.resolve(),
        onRecord: async ({ taskId }) => {
          await Promise.resolve();
          if (written.length === 4) throw new Error('the disk is full');
          written.push(taskId);
        },
      }),
      /the disk is full/,
    );
    assert.equal(written.length, 4);
  });

  test('are one phase of the run, since their stages overlap', async () => {
    const phases = async (tasksAtOnce: number): Promise<string[]> => {
      const seen = new Set<string>();
      const decoder = new OutOfOrder(1);
      await execute(planOf(tasksAtOnce), partsOf(decoder), {
        recorded: new RecordTable(),
        isCancelled: () => false,
        onTask: () => Promise.resolve(),
        onRecord: () => Promise.resolve(),
        onPhase: (phase) => seen.add(phase),
      });
      return [...seen];
    };
    assert.deepEqual(await phases(2), ['answering']);
    assert.deepEqual(await phases(1), [
      ...['retrieval', 'prompts', 'prefill', 'likelihood', 'decoding', 'recording'],
    ]);
  });
});
