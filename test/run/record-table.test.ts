import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RecordTable } from '../../src/run/record-table.js';
import type { Configuration, TaskRecord } from '../../src/run/record.js';
import { syntheticRun } from '../support/synthetic-run.js';

const NONE: Configuration = { pipeline: 'no-context', retriever: null, topK: null };
const FULL: Configuration = { pipeline: 'full-rag', retriever: 'bm25', topK: 10 };

function failed(taskId: string, configuration = NONE): TaskRecord {
  const common = { taskId, repository: 'r', crossFile: null, ...configuration };
  return { ...common, status: 'failed', error: { stage: 'prefill', message: 'lost' } };
}

describe('a table of records', () => {
  test('has every number of every record, in the order of the task ids', () => {
    const { records } = syntheticRun({ tasks: 200, failures: 3, topK: [5, 10] });
    const table = RecordTable.from([...records].reverse());
    assert.equal(table.size, records.length);
    const ids = table.rows();
    assert.deepEqual(
      Array.from(ids, (row) => table.taskIds[row]),
      [...new Set(records.map(({ taskId }) => taskId))].sort(),
    );
    for (const { configuration } of table.columns) {
      const own = records
        .filter((r) => r.pipeline === configuration.pipeline && r.retriever === configuration.retriever)
        .filter((r) => r.topK === configuration.topK)
        .sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
      const scored = own.flatMap((record) => (record.status === 'scored' ? [record] : []));
      const column = table.column(configuration);
      assert.deepEqual(
        [...column.scored('ttftMs', ids)],
        scored.map(({ timing }) => timing!.ttftMs),
      );
      assert.deepEqual(
        [...column.scored('chunks', ids)],
        scored.map(({ chunks }) => chunks.length),
      );
      assert.deepEqual(
        [...column.numbers('editSimilarity', ids)],
        own.map((record) => (record.status === 'scored' ? record.editSimilarity : NaN)),
      );
      assert.equal(column.count('failed', ids), own.length - scored.length);
    }
  });

  test('keeps a record once, and says which configurations have none', () => {
    const table = RecordTable.from([failed('a')]);
    assert.deepEqual([table.add(failed('a')), table.add(failed('a', FULL)), table.size], [false, true, 2]);
    assert.deepEqual(
      [table.has('a', FULL), table.has('b', FULL), table.has('a', { ...FULL, topK: 5 })],
      [true, false, false],
    );
  });

  test('forgets its failed records when they are to be answered again', () => {
    const table = RecordTable.from([failed('a'), failed('b')]);
    assert.deepEqual(
      [table.failedCount, table.dropFailed(), table.size, table.has('a', NONE)],
      [2, 2, 0, false],
    );
    assert.deepEqual([table.add(failed('a')), table.size], [true, 1]);
  });

  test('holds a million records in less than 400 MB', () => {
    const [record] = syntheticRun({ tasks: 1 }).records;
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    const table = new RecordTable();
    for (let task = 0; task < 100_000; task++) {
      for (let topK = 1; topK <= 10; topK++) table.add({ ...record!, taskId: `task-${task}`, ...FULL, topK });
    }
    // 19 numbers of 8 bytes and a status in ten columns for 131,072 rows are 201 MB; the rest is garbage and ids.
    const megabytes = (used() - before) / 1e6;
    assert.equal(table.size, 1_000_000);
    assert.ok(megabytes < 400, `${megabytes.toFixed(0)} MB`);
  });
});
