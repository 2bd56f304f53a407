import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DEVICES } from '../../src/inference/device.js';
import { llavaEval } from '../support/program.js';

interface Finding {
  readonly name: string;
  readonly isUsable: boolean;
  readonly detail: string;
  readonly hints: readonly string[];
}

interface Diagnosis {
  readonly code: number | null;
  readonly threads: number;
  readonly findings: readonly Finding[];
  readonly named: (name: string) => Finding;
}

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-doctor-'));
after(() => {
  rmSync(folder, { recursive: true });
});

async function doctor(options: Parameters<typeof llavaEval>[1]): Promise<Diagnosis> {
  const { code, stdout, stderr } = await llavaEval(['doctor', '--json'], options);
  assert.equal(stderr, '');
  const { findings, threads } = JSON.parse(stdout) as { findings: Finding[]; threads: number };
  assert.deepEqual(
    findings.map(({ name }) => name),
    [...DEVICES, 'nano', 'npm', 'cache', 'results'],
  );
  const named = (name: string): Finding => findings.find((finding) => finding.name === name)!;
  return { code, findings, threads, named };
}

describe('doctor', () => {
  test('reports devices, model, npm and folders, with a way out for each device that is missing', async () => {
    const cwd = mkdtempSync(join(folder, 'whole-'));
    const { code, findings, threads, named } = await doctor({ cwd });
    assert.equal(code, 0);
    assert.ok(threads >= 1);
    assert.match(named('cpu').detail, /^\d+ GFLOP\/s/);
    assert.match(named('nano').detail, /llavacode-nano .*, complete/);
    for (const name of ['cpu', 'nano', 'cache', 'results']) assert.ok(named(name).isUsable, name);
    const devices = findings.slice(0, DEVICES.length);
    const missing = devices.filter(({ isUsable }) => !isUsable);
    // DirectML exists on Windows alone and Core ML on macOS alone, so one of them is missing everywhere.
    assert.ok(missing.some(({ name }) => name === 'dml' || name === 'coreml'));
    for (const { name, detail, hints } of missing) {
      assert.ok(detail.length > 0 && hints.length > 0 && hints.every((hint) => hint.length > 0), name);
    }
    for (const { hints } of devices.filter(({ isUsable }) => isUsable)) assert.deepEqual(hints, []);
  });

  test('says what is missing where nothing can be written and npm is not there, and ends with 3', async () => {
    const cwd = mkdtempSync(join(folder, 'broken-'));
    writeFileSync(join(cwd, 'results'), 'a file in the place of a folder');
    const environment = { PATH: cwd, Path: cwd, npm_execpath: '' };
    const { code, named } = await doctor({
      cwd,
      env: { ...environment, LLAVA_EVAL_CACHE: join(cwd, 'results', 'cache') },
    });
    assert.equal(code, 3);
    for (const name of ['npm', 'cache', 'results']) assert.equal(named(name).isUsable, false, name);
    assert.ok(named('npm').hints.length > 0);
    for (const name of ['cache', 'results']) {
      assert.match(named(name).detail, /results.* is a file, not a folder/, name);
    }
    for (const name of ['cpu', 'nano']) assert.ok(named(name).isUsable, name);
  });
});

test('doctor ends with 3 where a run could write neither results nor cache, and says what to do', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'llava-eval-doctor-'));
  try {
    writeFileSync(join(cwd, 'results'), 'a file');
    const { code, stdout } = await llavaEval(['doctor'], {
      cwd,
      env: { LLAVA_EVAL_CACHE: join(cwd, 'results') },
    });
    assert.equal(code, 3, stdout);
    assert.match(stdout, /missing {2}results .* is a file, not a folder\n +run elsewhere, or .* --out/);
    assert.match(
      stdout,
      /missing {2}cache .* is a file, not a folder\n +LLAVA_EVAL_CACHE names another folder/,
    );
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
