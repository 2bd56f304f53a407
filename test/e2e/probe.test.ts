import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { probeSchema } from '../../src/report/probe/probe-json.js';
import { llavaEval } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-probe-'));
after(() => {
  rmSync(folder, { recursive: true });
});

describe('llava-eval probe', () => {
  test('prints probe.json on request, and writes its folder', async () => {
    writeTinyBundle(join(folder, 'bundle'));
    const out = join(folder, 'out');
    const { code, stdout, stderr } = await llavaEval([
      ...['probe', '--model', join(folder, 'bundle'), '--dataset', 'tiny', '--limit', '2', '--device', 'cpu'],
      ...['--max-new-tokens', '2', '--max-prompt-tokens', '80', '--recall-tokens', '2', '--top-k', '2'],
      ...['--retrievers', 'bm25', '--seed', '3', '--out', out, '--json'],
    ]);
    assert.equal(code, 0, stderr);
    const probe = probeSchema.parse(JSON.parse(stdout));
    assert.deepEqual([probe.spec.retrievers, probe.spec.seed], [['bm25'], 3]);
    assert.match(stderr, /everything is in .*out: probe\.html shows the charts/);
    assert.ok(existsSync(join(out, 'probe.html')));
  });
});
