/**
 * @file Controls, a constant prompt and the likelihood of a real run of the built program.
 */

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { collectRecords } from '../../src/run/journal.js';
import { recordKey, type ScoredRecord, type TaskRecord } from '../../src/run/record.js';
import type { Summary } from '../../src/report/numbers/summary.js';
import { llavaEval, type Finished } from '../support/program.js';
import { encodeSafetensors } from '../support/safetensors-writer.js';
import { some } from '../support/some.js';
import { TINY_DECODER_WIDTH, writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
let made: Finished;

const args = (out: string, ...more: string[]): string[] => [
  'run',
  ...[
    '--dataset',
    'tiny',
    '--model',
    join(folder, 'bundle'),
    '--device',
    'cpu',
    '--threads',
    '1',
    '--max-new-tokens',
    '4',
  ],
  ...['--max-prompt-tokens', '300', '--context-tokens', '300', '--out', join(folder, out), '--quiet'],
  ...['--retrievers', 'jaccard', '--limit', '6'],
  ...more,
];
const CONTROLS = [
  ...['--pipelines', 'no-context,full-rag,compressed,full-rag-shuffled,compressed-shuffled,soft-prompt'],
];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-controls-'));
  writeTinyBundle(join(folder, 'bundle'));
  const data = Float32Array.from({ length: 2 * TINY_DECODER_WIDTH }, (_, i) => Math.sin(i));
  await writeFile(
    join(folder, 'constants.safetensors'),
    encodeSafetensors([{ name: 'soft_prompt', shape: [2, TINY_DECODER_WIDTH], data }]),
  );
  made = await llavaEval(args('whole', ...CONTROLS, '--soft-prompt', join(folder, 'constants.safetensors')));
  assert.equal(made.code, 0, made.stderr);
});
after(async () => {
  await rm(folder, { recursive: true });
});

const recordsOf = (out: string): Promise<TaskRecord[]> => collectRecords(join(folder, out, 'journal.jsonl'));
const scored = (records: readonly TaskRecord[]): ScoredRecord[] =>
  records.flatMap((record) => (record.status === 'scored' ? [record] : []));

describe('a run with controls and a constant prompt', () => {
  test('gives borrowed chunks to the shuffled pipelines alone', async () => {
    for (const { pipeline, repository, chunks } of some(scored(await recordsOf('whole')))) {
      const lent = chunks.filter((chunk) => chunk.repository !== undefined);
      assert.equal(lent.length, pipeline.endsWith('-shuffled') ? chunks.length : 0, pipeline);
      assert.ok(lent.every((chunk) => chunk.repository !== repository));
    }
  });

  test('shows the constants to all but no-context', async () => {
    const records = scored(await recordsOf('whole'));
    for (const { pipeline, softTokens, chunks, promptTokens, taskId } of some(records)) {
      const plain = records.find((one) => one.taskId === taskId && one.pipeline === 'no-context')!;
      const constants = pipeline === 'no-context' ? 0 : 2;
      const own = pipeline.startsWith('compressed') ? chunks.length : 0;
      assert.equal(softTokens, constants + own, pipeline);
      if (pipeline === 'soft-prompt') assert.equal(promptTokens, plain.promptTokens + 2);
    }
  });

  test('has the likelihood of one reference in all pipelines, and differs in it', async () => {
    const records = scored(await recordsOf('whole'));
    for (const { taskId, likelihood } of some(records)) {
      const first = records.find((one) => one.taskId === taskId)!.likelihood!;
      assert.equal(likelihood?.referenceTokens, first.referenceTokens);
      assert.equal(likelihood.referenceCharacters, first.referenceCharacters);
      assert.equal(likelihood.tokenNats.length, likelihood.referenceTokens);
    }
    const nats = new Set(records.map(({ likelihood }) => likelihood!.referenceNats));
    // All differ but where two pipelines happen to show the same prompt.
    assert.ok(nats.size > records.length / 2, `${nats.size} of ${records.length}`);
  });

  test('says in its summary and its report what gains are due to', async () => {
    const summary = JSON.parse(await readFile(join(folder, 'whole/summary.json'), 'utf8')) as Summary;
    assert.deepEqual(
      summary.attributions.map(({ of, control, base }) => [of.pipeline, control.pipeline, base.pipeline]),
      [
        ['full-rag', 'full-rag-shuffled', 'no-context'],
        ['full-rag', 'full-rag-shuffled', 'soft-prompt'],
        ['compressed', 'compressed-shuffled', 'no-context'],
        ['compressed', 'compressed-shuffled', 'soft-prompt'],
      ],
    );
    const markdown = await readFile(join(folder, 'whole/report.md'), 'utf8');
    assert.match(markdown, /^## What the gain is due to$/m);
    assert.match(markdown, /^## Likelihood of the true completion$/m);
    assert.equal(summary.spec.models.softPrompt?.tokens, 2);
  });

  test('is the same run in two shards', async () => {
    const soft = ['--soft-prompt', join(folder, 'constants.safetensors')];
    const parts: TaskRecord[] = [];
    for (const shard of ['1/2', '2/2']) {
      const out = `shard-${shard[0]!}`;
      const { code, stderr } = await llavaEval(args(out, ...CONTROLS, ...soft, '--shard', shard));
      assert.equal(code, 0, stderr);
      parts.push(...(await recordsOf(out)));
    }
    const plain = (records: readonly TaskRecord[]) =>
      new Map(
        [...records]
          .sort((a, b) => (recordKey(a.taskId, a) < recordKey(b.taskId, b) ? -1 : 1))
          .map((record) => [recordKey(record.taskId, record), { ...record, timing: null }]),
      );
    assert.deepEqual(plain(parts), plain(await recordsOf('whole')));
  });
});

describe('a run that cannot have what it asks for', () => {
  test('is refused: soft-prompt without constants, borrowed chunks within one repository', async () => {
    const without = await llavaEval(args('none', '--pipelines', 'no-context,soft-prompt'));
    assert.equal(without.code, 2);
    assert.match(without.stderr, /soft-prompt shows a tuned constant prompt, and this run has none/);
    const ids = scored(await recordsOf('whole')).filter(({ repository }) => repository === 'shop');
    const alone = await llavaEval([
      ...args('alone', '--pipelines', 'no-context,full-rag-shuffled').filter(
        (word, i, all) => word !== '--limit' && all[i - 1] !== '--limit',
      ),
      ...['--tasks', [...new Set(ids.map(({ taskId }) => taskId))].join(',')],
    ]);
    assert.equal(alone.code, 2);
    assert.match(alone.stderr, /full-rag-shuffled show the chunks of a task of another repository/);
  });

  test('says that retrieval found nothing, and ends with 4, where a repository has no second file', async () => {
    await mkdir(join(folder, 'lonely'));
    const line = (i: number): string => `export const value${i} = compute(${i}, ${i + 1});\n`;
    await writeFile(join(folder, 'lonely/only.ts'), Array.from({ length: 20 }, (_, i) => line(i)).join(''));
    const { code, stdout, stderr } = await llavaEval([
      ...args('empty', '--pipelines', 'no-context,full-rag').filter((word) => word !== '--quiet'),
      ...['--dataset', join(folder, 'lonely'), '--limit', '3'],
    ]);
    assert.equal(code, 4, stderr);
    assert.match(stdout, /^Retrieval found nothing for 3 of 3 tasks \(jaccard\)/);
    assert.match(stderr, /this run says nothing about retrieval/);
  });

  test('leaves the likelihood out with --no-likelihood', async () => {
    const { code } = await llavaEval(args('quick', '--pipelines', 'no-context', '--no-likelihood'));
    assert.equal(code, 0);
    for (const record of some(scored(await recordsOf('quick')))) assert.equal(record.likelihood, undefined);
    const run = JSON.parse(await readFile(join(folder, 'quick/run.json'), 'utf8')) as { spec: object };
    assert.ok(!('referenceEnd' in run.spec));
  });
});
