import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { readSoftPrompt } from '../../src/model/weights/soft-prompt-file.js';
import { encodeSafetensors, type NamedTensor } from '../support/safetensors-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'soft-prompt-'));
const path = join(folder, 'constants.safetensors');
const write = (...tensors: NamedTensor[]): string => {
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
};
const tensor = (shape: readonly number[], data: readonly number[], name = 'soft_prompt'): NamedTensor => ({
  name,
  shape: [...shape],
  data: Float32Array.from(data),
});

describe('the file of a constant prompt', () => {
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test('is one tensor [n, C] of any name', async () => {
    const read = await readSoftPrompt(write(tensor([2, 3], [1, 2, 3, 4, 5, 6], 'p')), 3);
    assert.deepEqual([read.rows, read.cols, [...read.data]], [2, 3, [1, 2, 3, 4, 5, 6]]);
  });

  test('is refused for another decoder, with another number of tensors, without a vector, and with no numbers', async () => {
    const refused = (file: string, pattern: RegExp) => assert.rejects(() => readSoftPrompt(file, 3), pattern);
    await refused(write(tensor([2, 4], Array<number>(8).fill(0))), /\[2, 4\]; the decoder is 3 wide/);
    await refused(write(tensor([3], [1, 2, 3])), /has the shape \[3\]/);
    await refused(write(tensor([1, 3], [1, 2, 3]), tensor([1, 3], [1, 2, 3], 'b')), /holds 2 tensors/);
    await refused(write(tensor([1, 3], [1, NaN, 3])), /soft_prompt holds NaN in vector 0/);
    await refused(write(tensor([600, 3], Array<number>(1800).fill(0))), /1 to 512/);
  });
});
