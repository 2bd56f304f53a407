import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { quietSurroundings, type ComparisonEvent } from '../../src/comparison/events.js';
import { probeCompressor } from '../../src/comparison/probe.js';
import type { ProbeRequest } from '../../src/comparison/probe-request.js';
import { DataError } from '../../src/domain/errors.js';
import { probeSchema, type Probe } from '../../src/report/probe/probe-json.js';
import { renderProbeTable } from '../../src/report/probe/terminal.js';
import { encodeSafetensors } from '../support/safetensors-writer.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
let whole: Probe;
const events: ComparisonEvent[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-probe-'));
  writeTinyBundle(join(folder, 'bundle'));
  await writeFile(join(folder, 'constant.safetensors'), constantProjector());
  const outcome = await probeCompressor(request('whole'), {
    ...quietSurroundings(),
    onEvent: (event) => events.push(event),
  });
  assert.equal(outcome.kind, 'finished');
  whole = outcome.probe;
});
after(async () => {
  await rm(folder, { recursive: true });
});

const request = (out: string): ProbeRequest => ({
  dataset: 'tiny',
  model: join(folder, 'bundle'),
  device: 'cpu',
  limit: 2,
  maxNewTokens: 3,
  maxPromptTokens: 100,
  recallTokens: 4,
  topK: 3,
  out: join(folder, out),
});

/** Two layers whose weights are 0: it says its last bias of every chunk. */
function constantProjector(): Uint8Array {
  const tensor = (name: string, shape: readonly number[], value: number) => ({
    ...{ name, shape },
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });
  return encodeSafetensors([
    tensor('linear_1.weight', [32, 24], 0),
    tensor('linear_1.bias', [32], 0),
    tensor('ln_1.weight', [32], 1),
    tensor('ln_1.bias', [32], 0),
    tensor('linear_2.weight', [32, 32], 0),
    tensor('linear_2.bias', [32], 0.5),
  ]);
}

describe('a probe as a function', () => {
  test('writes its folder, and probe.json is what it returns and what its schema reads', async () => {
    for (const name of ['probe.json', 'probe.md', 'probe.html', 'charts/cosines.svg', 'charts/noise.svg'])
      assert.ok(existsSync(join(folder, 'whole', name)), name);
    const written: unknown = JSON.parse(await readFile(join(folder, 'whole', 'probe.json'), 'utf8'));
    assert.deepEqual(probeSchema.parse(written), whole);
    const [markdown, page] = await Promise.all(
      ['probe.md', 'probe.html'].map((name) => readFile(join(folder, 'whole', name), 'utf8')),
    );
    for (const text of [markdown!, page!]) {
      assert.match(text, /What a soft token carries/);
      assert.doesNotMatch(text, /NaN|undefined|Infinity/);
    }
    assert.doesNotMatch(page!, /id="tasks"/);
  });

  test('reads each task with every perturbation and one chunk a task', () => {
    assert.equal(whole.smoothness.tasks.length, 2);
    assert.equal(whole.smoothness.withoutNats, 0);
    assert.ok(whole.smoothness.rows.every(({ nats }) => nats !== null));
    assert.ok(whole.identifiers.chunks.length >= 1);
    assert.deepEqual(
      whole.identifiers.rows.map(({ behind }) => behind),
      ['own', 'other', 'none'],
    );
    const started = events.flatMap((event) => (event.kind === 'started' ? [event.work] : []));
    assert.deepEqual(started.slice(-4), [
      'retrieving',
      'encoding',
      'moving soft tokens',
      'looking for names',
    ]);
  });

  test('is the same to the last byte with the same seed', async () => {
    const again = await probeCompressor(request('again'), quietSurroundings());
    assert.ok(again.kind === 'finished');
    assert.deepEqual(again.probe, whole);
  });

  test('shows the collapse of a constant projector, which no perturbation by other chunks moves', async () => {
    const outcome = await probeCompressor(
      { ...request('constant'), limit: 2, projector: join(folder, 'constant.safetensors') },
      quietSurroundings(),
    );
    assert.ok(outcome.kind === 'finished');
    const { collapse, smoothness } = outcome.probe;
    assert.ok(Math.abs(collapse.softTokens.meanCosine - 1) < 1e-6);
    assert.equal(collapse.softTokens.effectiveRank, 1);
    assert.equal(collapse.agreement.correlation, null);
    for (const { perturbation, nats, changed } of smoothness.rows) {
      if (perturbation.kind !== 'interpolated') continue;
      assert.ok(Math.abs(nats!.delta!) < 1e-5);
      assert.equal(changed.mean, 0);
    }
    assert.match(renderProbeTable(outcome.probe), /have collapsed: all chunks look alike/);
  });

  test('fits a terminal of 80 columns', () => {
    for (const line of renderProbeTable(whole).split('\n')) assert.ok(line.length <= 80, line);
  });

  test('writes over nothing', async () => {
    await assert.rejects(probeCompressor(request('whole'), quietSurroundings()), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /holds probe\.json, probe\.md, probe\.html, charts already/);
      return true;
    });
  });

  test('writes nothing when it is interrupted', async () => {
    const outcome = await probeCompressor(request('interrupted'), {
      ...quietSurroundings(),
      signal: AbortSignal.abort(),
    });
    assert.deepEqual(outcome, { kind: 'interrupted' });
    assert.equal(existsSync(join(folder, 'interrupted')), false);
  });
});
