import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { compareFolders } from '../../src/comparison/compare.js';
import { judgeRun, updateBaseline } from '../../src/comparison/gate.js';
import { mergeRuns } from '../../src/comparison/merge.js';
import { reportRun } from '../../src/comparison/report.js';
import { DataError, JournalError, UsageError, type UserError } from '../../src/domain/errors.js';
import { collectRecords, JournalWriter } from '../../src/run/journal.js';
import { runFolder } from '../../src/run/run-folder.js';
import { holdsTask } from '../../src/run/shard.js';
import { writeRunJson, type RunJson } from '../../src/run/run-json.js';
import type { TaskRecord } from '../../src/run/record.js';
import { EvidenceWriter, scanTaskEvidence, type TaskEvidence } from '../../src/run/task-evidence.js';
import { syntheticRun } from '../support/synthetic-run.js';

const root = mkdtempSync(join(tmpdir(), 'llava-eval-folders-'));
const at = (...names: string[]): string => join(root, ...names);
const { run, records, evidence } = syntheticRun({ tasks: 12 });
const NOW = new Date('2026-01-31T00:00:00Z');

async function write(
  name: string,
  content: {
    readonly run: RunJson;
    readonly records: readonly TaskRecord[];
    readonly evidence?: readonly TaskEvidence[];
  },
): Promise<void> {
  const folder = runFolder(at(name));
  mkdirSync(folder.path, { recursive: true });
  await writeRunJson(folder.runJson, content.run);
  const journal = await JournalWriter.create(folder.journal, content.run.fingerprint);
  for (const record of content.records) await journal.append(record);
  await journal.close();
  if (content.evidence === undefined) return;
  const tasks = await EvidenceWriter.open(folder.tasks, null);
  for (const one of content.evidence) await tasks.append(one);
  await tasks.close();
}

/** What belongs to the tasks of a shard. */
function half<One extends { readonly taskId: string }>(index: 1 | 2, all: readonly One[]): readonly One[] {
  return all.filter(({ taskId }) => holdsTask({ index, count: 2 }, taskId));
}

before(async () => {
  await write('whole', { run, records });
  for (const index of [1, 2] as const) {
    await write(`s${index}`, {
      run: { ...run, shard: { index, count: 2 } },
      ...{ records: half(index, records), evidence: half(index, evidence) },
    });
  }
});
after(() => {
  rmSync(root, { recursive: true });
});

const refusal =
  (kind: new (...parts: never[]) => UserError, says: RegExp, not?: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.render(), says);
    if (not !== undefined) assert.doesNotMatch(error.render(), not);
    return true;
  };

describe('a report as a function', () => {
  test('gives the numbers and writes the files', async () => {
    const outcome = await reportRun({ path: at('whole'), formats: ['md', 'json'] });
    assert.ok(outcome.kind === 'tasks');
    assert.deepEqual([outcome.records, outcome.unwritten], [records.length, null]);
    assert.deepEqual(JSON.parse(readFileSync(at('whole', 'summary.json'), 'utf8')), outcome.summary);
  });

  test('gives the numbers of a folder that cannot be written, and says which folder', async () => {
    await write('locked', { run, records });
    // A folder in the place of a file cannot be replaced, whoever runs the tests.
    mkdirSync(at('locked', 'summary.json', 'x'), { recursive: true });
    const { summary, unwritten } = await reportRun({ path: at('locked'), formats: ['json'] });
    assert.ok('fingerprint' in summary && summary.fingerprint === run.fingerprint);
    assert.ok(unwritten instanceof DataError);
    assert.ok(unwritten.message.startsWith(`${at('locked')}: the reports cannot be written there`));
    assert.doesNotMatch(unwritten.render(), /--out/);
  });

  test('refuses a finished run that lost whole tasks', async () => {
    await write('lost', { run, records: records.slice(0, records.length - 5) });
    await assert.rejects(reportRun({ path: at('lost') }), refusal(JournalError, /55 records, expected 60/));
  });

  test('reports a run that was not finished, with what it has', async () => {
    const some = records.slice(0, 20);
    await write('open', { run: { ...run, finishedAt: null }, records: some });
    const outcome = await reportRun({ path: at('open'), formats: ['json'] });
    assert.ok(outcome.kind === 'tasks');
    assert.deepEqual([outcome.records, outcome.run.finishedAt], [20, null]);
  });
});

describe('a merge as a function', () => {
  test('gives the summary of the whole run', async () => {
    const merged = await mergeRuns([at('s1'), at('s2')], at('merged'));
    const whole = await reportRun({ path: at('whole'), formats: ['json'] });
    assert.deepEqual(
      merged.summary.rows.map(({ exactMatch }) => exactMatch.mean),
      whole.kind === 'tasks' ? whole.summary.rows.map(({ exactMatch }) => exactMatch.mean) : [],
    );
    assert.equal(merged.run.shard, null);
  });

  test('keeps every record, and what each task was, in the order of the shards', async () => {
    await mergeRuns([at('s2'), at('s1')], at('ordered'));
    assert.deepEqual(await collectRecords(join(at('ordered'), 'journal.jsonl')), [
      ...half(1, records),
      ...half(2, records),
    ]);
    const ids = async (name: string) => [...(await scanTaskEvidence(join(at(name), 'tasks.jsonl')))!.ids];
    assert.deepEqual(await ids('ordered'), [...(await ids('s1')), ...(await ids('s2'))]);
    const tasks = readFileSync(at('s1', 'tasks.jsonl'), 'utf8');
    rmSync(at('s1', 'tasks.jsonl'));
    await mergeRuns([at('s2'), at('s1')], at('bare'));
    assert.deepEqual(await ids('bare'), await ids('s2'));
    writeFileSync(at('s1', 'tasks.jsonl'), tasks);
  });

  test('refuses a folder that holds a run, and does not advise to resume it', async () => {
    await assert.rejects(
      mergeRuns([at('s1'), at('s2')], at('whole')),
      refusal(JournalError, /whole: holds a run already\n.*--out/, /--resume/),
    );
  });

  test('leaves none of its records where they cannot be written', async () => {
    // In the place of the second of the three files, a link to a place that does not exist.
    mkdirSync(at('blocked'));
    symlinkSync(at('nowhere', 'tasks.jsonl'), at('blocked', 'tasks.jsonl'));
    await assert.rejects(
      mergeRuns([at('s1'), at('s2')], at('blocked')),
      refusal(DataError, /nothing of the merged run was kept/, /--resume/),
    );
    assert.deepEqual(readdirSync(at('blocked')), ['tasks.jsonl']);
  });

  test('writes over no file of somebody else', async () => {
    mkdirSync(at('foreign'));
    writeFileSync(at('foreign', 'junit.xml'), '<theirs/>');
    await assert.rejects(
      mergeRuns([at('s1'), at('s2')], at('foreign')),
      refusal(DataError, /foreign: holds junit\.xml, and no run/, /--resume/),
    );
    assert.equal(readFileSync(at('foreign', 'junit.xml'), 'utf8'), '<theirs/>');
  });

  test('refuses a shard that is given twice', async () => {
    await assert.rejects(
      mergeRuns([at('s1'), at('s1')], at('twice')),
      refusal(UsageError, /a run folder was given twice/),
    );
  });
});

describe('a comparison of folders as a function', () => {
  test('sets every run against the first and says what differs in settings', async () => {
    const spec = { ...run.spec, threads: run.spec.threads + 1 };
    await write('threads', { run: { ...run, spec }, records });
    const { base, runs } = await compareFolders([at('whole'), at('threads')]);
    assert.equal(base, at('whole'));
    assert.deepEqual(runs[0]!.changes, [`threads: ${run.spec.threads} → ${spec.threads}`]);
    assert.deepEqual([...new Set(runs[0]!.comparisons.map(({ exactMatch }) => exactMatch.delta))], [0]);
  });

  test('needs two runs', async () => {
    await assert.rejects(compareFolders([at('whole')]), refusal(UsageError, /two runs or more/));
  });
});

describe('a gate as functions', () => {
  test('writes a baseline, says what it replaced, and passes the run that made it', async () => {
    const baseline = at('baselines', 'b.json');
    const first = { run: at('whole'), baseline, reason: ' the first ' };
    const made = await updateBaseline(first, NOW);
    assert.deepEqual(made, { path: baseline, tasks: 12, configurations: 5, failed: 0, replaced: null });
    const again = await updateBaseline({ ...first, reason: 'again' }, NOW);
    assert.deepEqual(again.replaced, { updatedAt: NOW.toISOString(), reason: 'the first' });
    const { result } = await judgeRun({ run: at('whole'), baseline }, NOW);
    assert.notEqual(result.verdict, 'failed');
    assert.equal(result.baseline.reason, 'again');
  });

  test('writes a baseline over no other file, and over a damaged baseline', async () => {
    const update = (baseline: string) => updateBaseline({ run: at('whole'), baseline, reason: 'x' }, NOW);
    writeFileSync(at('package.json'), '{ "name": "of somebody else" }');
    await assert.rejects(update(at('package.json')), refusal(DataError, /package\.json: is no baseline/));
    assert.equal(readFileSync(at('package.json'), 'utf8'), '{ "name": "of somebody else" }');
    await update(at('cut.json'));
    writeFileSync(at('cut.json'), readFileSync(at('cut.json'), 'utf8').slice(0, 300));
    assert.equal((await update(at('cut.json'))).replaced, null);
  });

  test('wants a reason for a baseline', async () => {
    await assert.rejects(
      updateBaseline({ run: at('whole'), reason: '  ' }, NOW),
      refusal(UsageError, /--update needs --reason/),
    );
  });

  test('says of a baseline that cannot be written what is in the way, and of no flag that gate has not', async () => {
    writeFileSync(at('file'), '');
    await assert.rejects(
      updateBaseline({ run: at('whole'), baseline: at('file', 'b.json'), reason: 'x' }, NOW),
      refusal(DataError, /file: nothing can be written there/, /--out/),
    );
  });
});
