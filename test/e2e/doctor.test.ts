import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEVICES } from '../../src/inference/device.js';
import { llavaEval } from '../support/program.js';

interface Finding {
  readonly name: string;
  readonly isUsable: boolean;
  readonly detail: string;
  readonly hints: readonly string[];
}

test('doctor reports devices, model, npm and folders, with a way out for what is missing', async () => {
  const { code, stdout, stderr } = await llavaEval(['doctor', '--json']);
  assert.equal(code, 0, stderr);
  const { findings, threads } = JSON.parse(stdout) as { findings: Finding[]; threads: number };
  assert.deepEqual(
    findings.map(({ name }) => name),
    [...DEVICES, 'nano', 'npm', 'cache', 'results'],
  );
  assert.ok(threads >= 1);
  const named = (name: string): Finding => findings.find((finding) => finding.name === name)!;
  assert.ok(named('cpu').isUsable);
  assert.match(named('cpu').detail, /^\d+ GFLOP\/s/);
  assert.match(named('nano').detail, /llavacode-nano .*, complete/);
  for (const { name, detail, hints } of findings.filter((finding) => !finding.isUsable)) {
    assert.ok(detail.length > 0 && hints.length > 0, name);
  }
});

test('doctor ends with 3 where a run could write neither results nor cache, and says what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-doctor-'));
  try {
    writeFileSync(join(folder, 'results'), 'a file');
    const { code, stdout } = await llavaEval(['doctor'], {
      cwd: folder,
      env: { LLAVA_EVAL_CACHE: join(folder, 'results') },
    });
    assert.equal(code, 3, stdout);
    assert.match(stdout, /missing {2}results .* is a file, not a folder\n +run elsewhere, or .* --out/);
    assert.match(
      stdout,
      /missing {2}cache .* is a file, not a folder\n +LLAVA_EVAL_CACHE names another folder/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
