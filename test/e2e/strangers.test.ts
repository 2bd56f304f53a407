/**
 * @file The built program with input of strangers, and what its run folders say about whoever ran it.
 */

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeTinyBundle } from '../support/tiny-models.js';
import { llavaEval } from '../support/program.js';

const TINY = fileURLToPath(new URL('../../datasets/tiny', import.meta.url));

let home = '';
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'llava-eval-ada-'));
  writeTinyBundle(join(home, 'models', 'tiny'));
  await cp(TINY, join(home, 'data', 'tiny'), { recursive: true });
  await mkdir(join(home, 'work'));
});
after(async () => {
  await rm(home, { recursive: true });
});

async function textsBelow(folder: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) texts.set(entry.name, await readFile(join(entry.parentPath, entry.name), 'utf8'));
  }
  return texts;
}

describe('a run folder', () => {
  test('holds neither the home folder nor the token of whoever ran it, and says how to repeat the run', async () => {
    const working = join(home, 'work');
    const token = 'hf_secretsecretsecret';
    const { code, stderr } = await llavaEval(
      [
        ...[
          'run',
          '--model',
          join(home, 'models', 'tiny'),
          '--dataset',
          join(home, 'data', 'tiny', 'tasks.jsonl'),
        ],
        ...['--pipelines', 'no-context', '--limit', '1', '--device', 'cpu', '--threads', '1'],
        ...['--out', join(working, 'results', 'a')],
      ],
      {
        cwd: working,
        env: { HOME: home, USERPROFILE: home, HF_TOKEN: token, LLAVA_EVAL_CACHE: join(home, 'cache') },
      },
    );
    assert.equal(code, 0, stderr);
    const texts = await textsBelow(join(working, 'results', 'a'));
    assert.ok(texts.size >= 5, [...texts.keys()].join());
    for (const [name, text] of texts) {
      assert.ok(!text.includes(home), `${name} names the home folder`);
      assert.ok(!text.includes(token), `${name} holds the token`);
    }
    const run = JSON.parse(texts.get('run.json')!) as Record<string, unknown>;
    const { model, dataset, out } = run['given'] as Record<string, unknown>;
    assert.deepEqual([model, dataset, out], ['~/models/tiny', '~/data/tiny/tasks.jsonl', 'results/a']);
  });
});

describe('the terminal', () => {
  test('gets no control character of a task, in results or in messages', async () => {
    const line = (await readFile(join(home, 'data', 'tiny', 'tasks.jsonl'), 'utf8')).split('\n')[0]!;
    const record = JSON.parse(line) as { metadata: { task_id: string; file: string } };
    record.metadata.task_id = 'a\u001b[2J\u001b]0;owned\u0007\u202e\u009b31m';
    const file = join(home, 'data', 'tiny', 'hostile.jsonl');
    await writeFile(file, `${JSON.stringify(record)}\n`);
    const shown = await llavaEval(['datasets', 'inspect', file]);
    assert.equal(shown.code, 0, shown.stderr);
    await writeFile(file, `${JSON.stringify(record)}\n`.repeat(2));
    const refused = await llavaEval(['datasets', 'inspect', file]);
    assert.equal(refused.code, 3);
    for (const text of [shown.stdout, shown.stderr, refused.stdout, refused.stderr]) {
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
    assert.match(shown.stdout, /task a\\u001b\[2J\\u001b\]0;owned\\u0007\\u202e\\u009b31m/);
    assert.match(refused.stderr, /task id "a\\u001b\[2J/);
  });
});
