import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openParquet } from '../../src/datasets/rows/parquet.js';
import { DataError } from '../../src/domain/errors.js';
import { writePartsAtomically } from '../../src/files/atomic-file.js';
import { csvParts } from '../../src/report/data-files/csv.js';
import { dataColumns } from '../../src/report/data-files/data-columns.js';
import { recordsInOrder } from '../../src/report/data-files/ordered-records.js';
import { parquetParts } from '../../src/report/data-files/parquet.js';
import { configurations } from '../../src/run/configurations.js';
import { JournalWriter } from '../../src/run/journal.js';
import type { TaskRecord } from '../../src/run/record.js';
import { RecordTable } from '../../src/run/record-table.js';
import { syntheticRun } from '../support/synthetic-run.js';
import { some } from '../support/some.js';

const HOSTILE = ' =1+1,"x"\r\n\u{1F600}';
const { run, records: drawn } = syntheticRun({ tasks: 30, failures: 2, hostile: HOSTILE });
const first = drawn[0]!;
const likelihood = {
  ...{ referenceNats: 12.5, endNats: 0.25, referenceTokens: 8, referenceCharacters: 21 },
  tokenNats: [12.25, 0.25],
};
const records: readonly TaskRecord[] = drawn.map((record): TaskRecord => {
  if (record === first && record.status === 'scored') return { ...record, likelihood, completion: '' };
  const isLast = record === drawn.at(-1);
  if (!isLast) return record;
  const { taskId, repository, crossFile, pipeline, retriever, topK } = record;
  return {
    ...{ taskId, repository, crossFile, pipeline, retriever, topK },
    ...{ status: 'skipped', reason: 'prompt-too-long', promptTokens: 5000 },
  };
});
const columns = dataColumns(run);
const names = columns.map(({ name }) => name);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-files-'));
});
after(() => rm(folder, { recursive: true }));

/** CSV read by the rules of RFC 4180, with unquoted cells apart from quoted ones. */
function readCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\n)/g)) {
    row.push(quoted !== undefined ? quoted.replaceAll('""', '"') : plain === '' ? null : plain!);
    if (end === '\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

async function partsOf<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

async function writeJournal(path: string, of: readonly TaskRecord[]): Promise<void> {
  const journal = await JournalWriter.create(path, run.fingerprint);
  for (const record of of) await journal.append(record);
  await journal.close();
}

describe('the table of a run for other programs', () => {
  test('has one row a task and configuration, with the scores, times and budgets of its record', () => {
    const value = (name: string): unknown => columns[names.indexOf(name)]!.valueOf(records[0]!);
    assert.ok(first.status === 'scored');
    assert.deepEqual(
      ['taskId', 'pipeline', 'retriever', 'topK', 'status', 'exactMatch', 'completion'].map(value),
      [first.taskId, 'no-context', null, null, 'scored', first.exactMatch, ''],
    );
    assert.deepEqual(
      ['referenceNats', 'endNats', 'referenceTokens', 'referenceCharacters'].map(value),
      [12.5, 0.25, 8, 21],
    );
    assert.deepEqual(['ttftMs', 'prefillMs', 'promptTokens', 'maxNewTokens', 'run'].map(value), [
      first.timing!.ttftMs,
      first.timing!.prefillMs,
      first.promptTokens,
      run.spec.maxNewTokens,
      run.fingerprint,
    ]);
    assert.equal(new Set(names).size, names.length);
  });

  test('has a column for every number of a record and of its timing', () => {
    assert.ok(first.status === 'scored');
    const numbers = { ...first, ...first.timing, ...likelihood };
    const missing = Object.entries(numbers).flatMap(([name, value]) =>
      typeof value === 'number' && !names.includes(name) ? [name] : [],
    );
    assert.deepEqual(missing, []);
  });

  test('says why a task has no score, and has nothing in place of one', () => {
    const failed = records.find(({ status }) => status === 'failed')!;
    const skipped = records.find(({ status }) => status === 'skipped')!;
    const row = (record: TaskRecord) => ({
      reason: columns[names.indexOf('reason')]!.valueOf(record),
      exactMatch: columns[names.indexOf('exactMatch')]!.valueOf(record),
      promptTokens: columns[names.indexOf('promptTokens')]!.valueOf(record),
    });
    assert.deepEqual(row(failed), {
      ...{ reason: `prefill: out of memory${HOSTILE}`, exactMatch: null, promptTokens: null },
    });
    assert.deepEqual(row(skipped), { reason: 'prompt-too-long', exactMatch: null, promptTokens: 5000 });
  });

  test('does not depend on the order of the journal, nor on how many records are in memory', async () => {
    const text = async (name: string, of: readonly TaskRecord[], atOnce?: number): Promise<string> => {
      const path = join(folder, name);
      await writeJournal(path, of);
      const ordered = recordsInOrder(path, RecordTable.from(of), configurations(run.spec), atOnce);
      return (await partsOf(csvParts(columns, ordered))).join('');
    };
    const written = await text('a.jsonl', records);
    // Records of a task are made in the order of the rows, and sorting keeps that order.
    const sorted = records.toSorted((a, b) => (a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0));
    assert.equal(written, (await partsOf(csvParts(columns, sorted))).join(''));
    assert.equal(await text('b.jsonl', records.toReversed()), written);
    assert.equal(await text('c.jsonl', records.toReversed(), 12), written);
  });
});

describe('CSV', () => {
  test('gives back every cell, whatever code is in it', async () => {
    const [head, ...rows] = readCsv((await partsOf(csvParts(columns, records))).join(''));
    assert.deepEqual(head, names);
    assert.equal(rows.length, records.length);
    for (const [i, row] of some(rows).entries()) {
      const expected = columns.map(({ valueOf }) => valueOf(records[i]!));
      assert.deepEqual(
        row,
        expected.map((cell) => (cell === null ? null : String(cell))),
      );
    }
  });

  test('is made a thousand rows at a time', async () => {
    const many = Array.from({ length: 2500 }, () => records[0]!);
    // The head, and 1,000, 1,000 and 500 rows.
    assert.equal((await partsOf(csvParts(columns, many))).length, 4);
  });
});

describe('Parquet', () => {
  test('gives back every value with its type, nothing as null', async () => {
    const path = join(folder, 'a.parquet');
    await writePartsAtomically(path, parquetParts(columns, records));
    const file = await openParquet(path);
    assert.deepEqual([...file.fields], names);
    assert.equal(file.rowCount, records.length);
    let i = 0;
    for await (const row of file.rows(names)) {
      const record = records[i++]!;
      // A row has no entry where a column is null.
      const expected = columns.flatMap(({ name, valueOf }) => {
        const value = valueOf(record);
        return value === null ? [] : [[name, value] as const];
      });
      assert.deepEqual(row, Object.fromEntries(expected));
    }
    assert.equal(i, records.length);
  });

  test('has several row groups where a run is large, and none where it is empty', async () => {
    const path = join(folder, 'b.parquet');
    const many = Array.from({ length: 20_001 }, () => records[0]!);
    const parts = await partsOf(parquetParts(columns, many));
    // 10,000, 10,000 and 1 rows, and the description.
    assert.equal(parts.length, 4);
    await writePartsAtomically(path, parts);
    const file = await openParquet(path);
    assert.equal(file.rowCount, 20_001);
    assert.deepEqual(await file.row(20_000, ['taskId']), { taskId: first.taskId });
    await writePartsAtomically(path, parquetParts(columns, []));
    assert.equal((await openParquet(path)).rowCount, 0);
  });

  test('leaves an earlier file as it was if it cannot be finished', async () => {
    const path = join(folder, 'c.parquet');
    await writePartsAtomically(path, ['earlier']);
    const broken = async function* () {
      yield Buffer.from('half');
      await Promise.reject(new DataError('the disk is full', []));
    };
    await assert.rejects(writePartsAtomically(path, broken()), DataError);
    assert.equal(await readFile(path, 'utf8'), 'earlier');
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});
