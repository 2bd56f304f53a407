import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { collectRecords, readJournal } from '../../src/run/journal.js';
import { readRunJson, type RunJson } from '../../src/run/run-json.js';
import { llavaEval, type Finished } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-vectors-'));
  writeTinyBundle(join(folder, 'a'));
  writeTinyBundle(join(folder, 'b'), { seed: 2 });
  for (const [out, ...more] of [['without', '--no-vector-cache'], ['empty'], ['full']] as const) {
    const { code, stderr } = await run(out, 'a', 'cache', ...more);
    assert.equal(code, 0, stderr);
  }
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** One run whose cache folder is the test's; only what depends on vectors. */
const run = (out: string, bundle: string, cache: string, ...more: string[]): Promise<Finished> =>
  llavaEval(
    [
      'run',
      ...[
        '--dataset',
        'tiny',
        '--model',
        join(folder, bundle),
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '2',
      ],
      ...['--max-prompt-tokens', '300', '--context-tokens', '300', '--out', join(folder, out)],
      ...['--pipelines', 'no-context,compressed', '--retrievers', 'unixcoder'],
      ...more,
    ],
    { env: { LLAVA_EVAL_CACHE: join(folder, cache) } },
  );

/** The journal without its times, in the order it was written. */
async function untimed(out: string): Promise<string> {
  const path = join(folder, out, 'journal.jsonl');
  const [{ fingerprint }, records] = [await readJournal(path), await collectRecords(path)];
  return JSON.stringify([fingerprint, ...records.map((record) => ({ ...record, timing: null }))]);
}
const runOf = (out: string): Promise<RunJson> => readRunJson(join(folder, out, 'run.json'));
const vectorsOf = async (out: string) => (await runOf(out)).resources!.vectors;
const kept = (cache: string): string[] =>
  readdirSync(join(folder, cache, 'vectors'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.vec'),
  );
/** A copy of the cache that the three runs of all tests left: `without`, `empty` and `full`. */
const copyOfCache = (name: string): Promise<void> =>
  cp(join(folder, 'cache'), join(folder, name), { recursive: true });

describe('vectors kept between runs', () => {
  test('change nothing but times: journal and tasks are the same without, with an empty and with a full cache', async () => {
    const { needed } = await vectorsOf('empty');
    assert.ok(needed > 20);
    assert.deepEqual(await vectorsOf('without'), { needed, kept: 0 });
    assert.deepEqual(await vectorsOf('empty'), { needed, kept: 0 });
    assert.deepEqual(await vectorsOf('full'), { needed, kept: needed });
    const journal = await untimed('without');
    assert.equal(await untimed('empty'), journal);
    assert.equal(await untimed('full'), journal);
    const tasks = readFileSync(join(folder, 'without', 'tasks.jsonl'), 'utf8');
    for (const out of ['empty', 'full']) {
      assert.equal(readFileSync(join(folder, out, 'tasks.jsonl'), 'utf8'), tasks);
    }
    assert.equal(kept('cache').length, 1);
  });

  test('of which some are there give the same rankings as none', async () => {
    // One task has candidates in its own repository only, so its run fills a part of the cache.
    assert.equal((await run('few', 'a', 'half', '--limit', '1')).code, 0);
    assert.equal((await run('half-full', 'a', 'half')).code, 0);
    const { needed, kept: found } = await vectorsOf('half-full');
    assert.ok(found > 0 && found < needed, `${found} of ${needed}`);
    assert.equal(await untimed('half-full'), await untimed('without'));
  });

  test('serve no other model', async () => {
    await copyOfCache('two');
    const { code, stderr } = await run('other', 'b', 'two');
    assert.equal(code, 0, stderr);
    assert.equal((await vectorsOf('other')).kept, 0);
    assert.equal(kept('two').length, 2);
  });

  test('that are damaged are computed again, with a note that says so', async () => {
    await copyOfCache('nonsense');
    assert.equal(kept('nonsense').length, 1);
    for (const name of kept('nonsense')) writeFileSync(join(folder, 'nonsense', 'vectors', name), 'nonsense');
    const { code, stderr } = await run('damaged', 'a', 'nonsense');
    assert.equal(code, 0);
    assert.match(stderr, /\.vec: not used and removed: it has no header/);
    assert.equal(await untimed('damaged'), await untimed('without'));
  });

  test('leave the cold times measured: encoding takes its time in every record', async () => {
    const records = await collectRecords(join(folder, 'full', 'journal.jsonl'));
    const compressed = records.filter(({ pipeline }) => pipeline === 'compressed');
    assert.ok(compressed.length > 0);
    for (const record of compressed) {
      assert.ok(record.status === 'scored' && record.timing!.encodeMs > 0 && record.timing!.projectMs > 0);
    }
  });

  test('and phases are recorded: they add up to the run', async () => {
    const { wallSeconds, phases, peakMemoryBytes } = (await runOf('full')).resources!;
    const sum = Object.values(phases).reduce((total, spent) => total + spent, 0);
    // Ten phases, each rounded to a millisecond.
    assert.ok(Math.abs(sum - wallSeconds) <= 0.006, `${sum} and ${wallSeconds}`);
    assert.ok(phases.prefill! > 0 && phases.decoding! > 0 && phases.report! > 0);
    assert.ok(peakMemoryBytes > 50e6);
  });
});
