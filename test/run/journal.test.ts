import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DataError, JournalError } from '../../src/domain/errors.js';
import { writeAtomically } from '../../src/files/atomic-file.js';
import { canonicalJson } from '../../src/domain/canonical-json.js';
import { collectRecords, JournalWriter, readJournal } from '../../src/run/journal.js';
import type { TaskRecord } from '../../src/run/record.js';
import { syntheticRun } from '../support/synthetic-run.js';
import { assertWritable } from '../../src/run/run-folder.js';
import { tasksOfShard } from '../../src/run/shard.js';
import { fakeTask } from '../support/fakes.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-journal-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const failed = (taskId: string): TaskRecord => ({
  taskId,
  repository: 'r',
  crossFile: null,
  pipeline: 'no-context',
  retriever: null,
  topK: null,
  status: 'failed',
  error: { stage: 'decode', message: 'a "quoted"\nreason \u2028' },
});

describe('the journal', () => {
  test('gives back what was appended, in order', async () => {
    const path = join(folder, 'a.jsonl');
    const journal = await JournalWriter.create(path, 'f1');
    await journal.append(failed('1'));
    await journal.append(failed('2'));
    await journal.close();
    const content = await readJournal(path);
    assert.equal(content.fingerprint, 'f1');
    assert.equal(content.records.size, 2);
    assert.deepEqual(await collectRecords(path), [failed('1'), failed('2')]);
    assert.deepEqual(await collectRecords(path, (id) => id === '2'), [failed('2')]);
  });

  test('is refused if its records have times and the run has none, or the other way round', async () => {
    for (const timed of [true, false]) {
      const path = join(folder, `timed-${timed}.jsonl`);
      const { run, records } = syntheticRun({ tasks: 1, timed });
      const other = syntheticRun({ tasks: 1, timed: !timed }).run;
      const journal = await JournalWriter.create(path, 'f');
      for (const record of records) await journal.append(record);
      await journal.close();
      assert.equal((await readJournal(path, run.spec)).records.size, records.length);
      await assert.rejects(
        readJournal(path, other.spec),
        timed
          ? /:2: a record with times, in a run that is not timed/
          : /:2: a record without times, in a run that is timed/,
      );
    }
  });

  test('a torn last line is dropped, and going on gives the file of an uninterrupted run', async () => {
    const [whole, torn] = [join(folder, 'whole.jsonl'), join(folder, 'torn.jsonl')];
    for (const path of [whole, torn]) {
      const journal = await JournalWriter.create(path, 'f');
      await journal.append(failed('1'));
      if (path === whole) await journal.append(failed('2'));
      await journal.close();
    }
    await appendFile(torn, '{"taskId":"2","pipe');
    const content = await readJournal(torn);
    assert.equal(content.records.size, 1);
    const journal = await JournalWriter.reopen(torn, content);
    await journal.append(failed('2'));
    await journal.close();
    assert.equal(await readFile(torn, 'utf8'), await readFile(whole, 'utf8'));
  });

  test('damage before the last line is refused with file and line', async () => {
    const path = join(folder, 'damaged.jsonl');
    const journal = await JournalWriter.create(path, 'f');
    await journal.close();
    await appendFile(path, '{"taskId":"1"}\n');
    await assert.rejects(readJournal(path), (error: unknown) => {
      assert.ok(error instanceof JournalError);
      assert.match(error.message, /damaged\.jsonl:2: status/);
      return true;
    });
    await writeFile(path, 'not a journal\n');
    await assert.rejects(readJournal(path), /damaged\.jsonl:1: not JSON/);
  });

  test('of an earlier version is refused as such', async () => {
    const path = join(folder, 'older.jsonl');
    await writeFile(path, '{"schema":"llava-eval/journal@1","fingerprint":"f"}\n');
    await assert.rejects(
      readJournal(path),
      /older\.jsonl: is a llava-eval\/journal@1 file; this version reads llava-eval\/journal@2/,
    );
  });

  test('a record that is there twice is refused', async () => {
    const path = join(folder, 'twice.jsonl');
    const journal = await JournalWriter.create(path, 'f');
    await journal.append(failed('1'));
    await journal.append(failed('1'));
    await journal.close();
    await assert.rejects(readJournal(path), /twice\.jsonl:3: .* recorded twice/);
  });

  test('is never started over an existing one', async () => {
    const path = join(folder, 'once.jsonl');
    await (await JournalWriter.create(path, 'f')).close();
    await assert.rejects(JournalWriter.create(path, 'f'), JournalError);
  });
});

describe('writing', () => {
  test('through a temporary file leaves nothing behind when the folder is missing', async () => {
    await assert.rejects(writeAtomically(join(folder, 'no', 'x.json'), '{}'), DataError);
    await writeAtomically(join(folder, 'x.json'), '{"a":1}');
    assert.equal(await readFile(join(folder, 'x.json'), 'utf8'), '{"a":1}');
  });

  test('an output folder below a file is refused before any work', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(assertWritable(join(folder, 'file', 'run')), /is a file, not a folder/);
    await assertWritable(join(folder, 'new', 'deep'));
  });
});

test('canonical JSON does not depend on the order of keys', () => {
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: 'x' }], a: true }),
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
});

test('shards are disjoint, complete, and keep a task in its place when tasks are added', () => {
  const tasks = Array.from({ length: 200 }, (_, i) => fakeTask(`t${i}`, '', 'x', ''));
  const parts = [1, 2, 3].map((index) => tasksOfShard(tasks, { index, count: 3 }));
  assert.equal(new Set(parts.flat().map((task) => task.id)).size, 200);
  assert.equal(parts.flat().length, 200);
  const fewer = tasksOfShard(tasks.slice(0, 100), { index: 2, count: 3 });
  assert.deepEqual(
    parts[1]!.filter((task) => tasks.indexOf(task) < 100),
    fewer,
  );
});
