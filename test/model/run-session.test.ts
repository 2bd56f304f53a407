import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DeviceLostError } from '../../src/domain/errors.js';
import { runSession } from '../../src/model/ort/run-session.js';
import { argmax } from '../../src/inference/logits.js';

const failing = (message: string) => ({ run: () => Promise.reject(new Error(message)) });
const failure = async (message: string): Promise<unknown> =>
  runSession(failing(message), {}).then(
    () => null,
    (error: unknown) => error,
  );

describe('a run of a session', () => {
  // As Dawn, Vulkan, dxgi.h and the CUDA runtime say it.
  for (const message of [
    'WebGPU device lost (1): The device was lost.',
    'Unhandled: VK_ERROR_DEVICE_LOST',
    'D3D12 command list execution failed with DXGI_ERROR_DEVICE_REMOVED',
    'CUDA failure 700: an illegal memory access was encountered ; GPU=0',
    'CUDA error 719: unspecified launch failure',
  ]) {
    test(`whose device is gone is told from a failure: ${message.slice(0, 40)}`, async () => {
      const error = await failure(message);
      assert.ok(error instanceof DeviceLostError);
      assert.match(error.render(), /--resume/);
    });
  }

  for (const message of [
    'Non-zero status code returned. Failed to allocate memory for requested buffer of size 8589934592',
    'std::bad_alloc',
    'CUDA failure 2: out of memory ; GPU=0',
    'Array buffer allocation failed',
  ]) {
    test(`that lacks memory says so, and what needs less: ${message.slice(0, 40)}`, async () => {
      const error = await failure(message);
      assert.ok(error instanceof Error && !(error instanceof DeviceLostError));
      assert.match(error.message, /^out of memory: .*--max-prompt-tokens/);
    });
  }

  test('passes any other error on as it is', async () => {
    const error = await failure('Got invalid dimensions for input: x');
    assert.equal(error instanceof Error && error.message, 'Got invalid dimensions for input: x');
  });

  test('that computes NaN has no next token, and says what may help', () => {
    assert.throws(() => argmax(Float32Array.of(NaN, NaN)), /the decoder computed NaN.*try fp32/);
  });
});
