import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import type { Device } from '../../src/inference/device.js';
import {
  chooseDevice,
  deviceProblem,
  loaderArguments,
  probeDevice,
  type DeviceReport,
} from '../../src/model/ort/probe.js';
import { profiledNodes } from '../../src/model/ort/proof/profile.js';
import { defaultThreads, physicalCores } from '../../src/model/ort/threads.js';

const usable = (device: Device, matMulMs: number): DeviceReport => ({
  device,
  isUsable: true,
  matMulMs,
  reason: null,
  hints: [],
});
const unusable = (device: Device): DeviceReport => ({
  device,
  isUsable: false,
  matMulMs: null,
  reason: 'no driver',
  hints: [],
});

describe('devices', () => {
  test('the CPU is usable and was timed', async () => {
    const report = await probeDevice('cpu');
    assert.equal(report.isUsable, true);
    assert.ok(report.matMulMs !== null && report.matMulMs > 0);
  });

  test('a device of another platform is refused with what is usable instead', async () => {
    const device = process.platform === 'win32' ? 'coreml' : 'dml';
    const problem = await deviceProblem(device);
    assert.ok(problem instanceof ModelError);
    assert.match(
      problem.message,
      new RegExp(`device ${device} cannot be used here: .* has no ${device} provider`),
    );
    assert.match(problem.render(), /usable here: cpu/);
  });

  test('auto takes the fastest device, but leaves the CPU only for a clear gain', () => {
    assert.equal(chooseDevice([usable('cpu', 30), unusable('webgpu'), unusable('cuda')]), 'cpu');
    assert.equal(chooseDevice([usable('cpu', 30), usable('webgpu', 3), usable('cuda', 2)]), 'cuda');
    assert.equal(chooseDevice([usable('cpu', 30), usable('webgpu', 25)]), 'cpu');
    assert.equal(chooseDevice([usable('cpu', 30), usable('webgpu', 900)]), 'cpu');
    assert.throws(() => chooseDevice([unusable('cpu'), unusable('webgpu')]), /no device is usable/);
  });

  test('two hardware threads of one core count once', () => {
    const processor = (socket: number, core: number): string =>
      `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;
    assert.equal(physicalCores([processor(0, 0), processor(0, 0), processor(0, 1)].join('\n')), 2);
    assert.equal(physicalCores([processor(0, 0), processor(1, 0)].join('\n')), 2);
    assert.equal(physicalCores('processor\t: 0\n'), undefined);
    assert.ok(defaultThreads() >= 1);
  });
});

describe('profile', () => {
  test('each node is listed once with the provider that ran it', () => {
    const event = (name: string, provider: string): unknown => ({
      cat: 'Node',
      name,
      ts: 1,
      dur: 1,
      args: { op_name: 'MatMul', provider },
    });
    const text = JSON.stringify([
      { cat: 'Session', name: 'model_loading', args: {} },
      event('a_kernel_time', 'WebGpuExecutionProvider'),
      event('a_kernel_time', 'WebGpuExecutionProvider'),
      event('b_kernel_time', 'CPUExecutionProvider'),
      { cat: 'Node', name: 'b_fence_before', args: { op_name: 'MatMul' } },
    ]);
    assert.deepEqual(profiledNodes(text), [
      { node: 'a', operator: 'MatMul', provider: 'WebGpuExecutionProvider' },
      { node: 'b', operator: 'MatMul', provider: 'CPUExecutionProvider' },
    ]);
  });
});

test('a probe never starts the script of its parent again', () => {
  const parent = [
    '--input-type=module',
    '-e',
    'run()',
    '--import',
    'tsx',
    '--import=x',
    '--test',
    '--inspect',
  ];
  assert.deepEqual(loaderArguments(parent), ['--import', 'tsx', '--import=x']);
});
