import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { withLock } from '../../src/files/file-lock.js';
import { removeAbandoned } from '../../src/files/folder.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-folder-'));
after(() => {
  rmSync(folder, { recursive: true });
});

describe('what killed processes left', () => {
  test('goes after a day: folders of that name, and nothing else', async () => {
    const day = 24 * 60 * 60;
    const seconds = Date.now() / 1000;
    for (const [name, age] of [
      ['.fetch-old', day + 60],
      ['.fetch-new', 60],
      ['kept', 2 * day],
    ] as const) {
      mkdirSync(join(folder, 'packages', name, 'download'), { recursive: true });
      utimesSync(join(folder, 'packages', name), seconds - age, seconds - age);
    }
    await removeAbandoned(join(folder, 'packages'), '.fetch-');
    assert.deepEqual(readdirSync(join(folder, 'packages')).sort(), ['.fetch-new', 'kept']);
    await removeAbandoned(join(folder, 'nowhere'), '.fetch-');
  });

  test('is taken over where it is a lock that nobody has touched for a minute', async () => {
    const file = join(folder, 'download');
    writeFileSync(`${file}.lock`, '');
    const past = Date.now() / 1000 - 120;
    utimesSync(`${file}.lock`, past, past);
    assert.equal(await withLock(file, () => Promise.resolve('done')), 'done');
    assert.ok(!readdirSync(folder).includes('download.lock'));
  });
});
