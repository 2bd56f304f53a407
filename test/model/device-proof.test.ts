/**
 * @file What a profile proves; the recorded ones are made by `test/golden/make-profiles.ts`.
 */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { fallbackNote, type DeviceProof } from '../../src/inference/device-proof.js';
import {
  graphicsHardware,
  proveDevice,
  requireProof,
  stagesOf,
} from '../../src/model/ort/proof/device-proof.js';
import { profiledNodes, profiledRuns } from '../../src/model/ort/proof/profile.js';

const recorded = (name: string): string =>
  readFileSync(new URL(`../golden/profiles/${name}.json`, import.meta.url), 'utf8');
const proofOf = (name: string): DeviceProof => ({
  device: 'webgpu',
  source: 'profile',
  graphics: [],
  stages: stagesOf('webgpu', profiledRuns(recorded(name))),
});

describe('a recorded profile', () => {
  test('of a session on WebGPU has all 16 nodes of both runs there', () => {
    const { stages } = proofOf('webgpu');
    assert.deepEqual(
      stages.map(({ stage, providers, elsewhere }) => [
        stage,
        providers.map(({ provider, nodes }) => [provider, nodes]),
        elsewhere,
      ]),
      ['prefill', 'decode'].map((stage) => [stage, [['WebGpuExecutionProvider', 16]], []]),
    );
    assert.equal(profiledNodes(recorded('webgpu')).length, 16);
    assert.equal(fallbackNote(proofOf('webgpu')), null);
  });

  test('of a session that left a product to the CPU names it, and the copies that cost two nodes more', () => {
    const { stages } = proofOf('fallback');
    for (const { providers, elsewhere } of stages) {
      assert.deepEqual(
        providers.map(({ provider, nodes }) => [provider, nodes]),
        [
          ['WebGpuExecutionProvider', 17],
          ['CPUExecutionProvider', 1],
        ],
      );
      assert.deepEqual(elsewhere, [{ operator: 'MatMul', provider: 'CPUExecutionProvider', nodes: 1 }]);
    }
    assert.equal(
      fallbackNote(proofOf('fallback')),
      '1 of 18 graph nodes of a prefill ran elsewhere than on webgpu: 1 MatMul on CPUExecutionProvider; ' +
        '1 of 18 graph nodes of a decode step ran elsewhere than on webgpu: 1 MatMul on CPUExecutionProvider',
    );
  });

  test('adds the kernel times of a run, in milliseconds', () => {
    // Two runs: [0, 100] us with kernels of 10 and 20 us, [200, 250] us with one of 5 us.
    const node = (ts: number, dur: number, provider: string) => ({
      ...{ cat: 'Node', name: `n${ts}_kernel_time`, ts, dur },
      args: { op_name: 'Add', provider },
    });
    const run = (ts: number, dur: number) => ({ cat: 'Session', name: 'model_run', ts, dur });
    const events = [node(10, 10, 'A'), node(30, 20, 'A'), run(0, 100), node(210, 5, 'B'), run(200, 50)];
    assert.deepEqual(
      profiledRuns(JSON.stringify(events)).map(({ providers }) => providers),
      [[{ provider: 'A', nodes: 2, kernelMs: 0.03 }], [{ provider: 'B', nodes: 1, kernelMs: 0.005 }]],
    );
  });

  test('without two runs proves nothing', () => {
    const one = JSON.stringify([{ cat: 'Session', name: 'model_run', ts: 0, dur: 1 }]);
    assert.throws(() => stagesOf('webgpu', profiledRuns(one)), /shows 1 runs/);
  });
});

test('--require-device refuses a fallback as a model that cannot be used, and takes a run that is whole', () => {
  assert.doesNotThrow(() => {
    requireProof(proofOf('webgpu'));
  });
  assert.throws(
    () => {
      requireProof(proofOf('fallback'));
    },
    (error: unknown) => error instanceof ModelError && /1 MatMul/.test(error.render()),
  );
});

test('the CPU needs no proof: no process is started and no file is read', async () => {
  const proof = await proveDevice(
    { kind: 'files', path: '/nowhere' },
    { device: 'cpu', dtype: 'fp32', threads: 1 },
  );
  assert.deepEqual(proof, { device: 'cpu', source: 'only-provider', graphics: [], stages: [] });
});

test('a decoder that cannot be opened on the device is an error with the reason', async () => {
  await assert.rejects(
    proveDevice({ kind: 'synthetic', shape: 'nano' }, { device: 'dml', dtype: 'fp32', threads: 1 }),
    (error: unknown) => error instanceof ModelError && /cannot be profiled on dml/.test(error.message),
  );
});

test('the graphics card is named as its driver names it, and so is a driver that was chosen by hand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'graphics-'));
  try {
    mkdirSync(join(folder, '0000:01:00.0'));
    writeFileSync(join(folder, '0000:01:00.0', 'information'), 'Model: \t\t NVIDIA Thing 9\nIRQ:   12\n');
    assert.deepEqual(graphicsHardware(folder, { VK_DRIVER_FILES: '/usr/share/icd.json' }), [
      'NVIDIA Thing 9',
      'Vulkan driver icd.json',
    ]);
    assert.deepEqual(graphicsHardware(join(folder, 'none'), {}), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
