/**
 * @file The tables of docs/models.md against the code, so that neither can change alone.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { z } from 'zod';

import { DECODER_FAMILIES } from '../../src/model/architecture/decoder-families.js';
import { DTYPES } from '../../src/inference/device.js';
import { GGUF_ARCHITECTURES } from '../../src/model/gguf/configuration.js';
import { READABLE_TYPES } from '../../src/model/gguf/element-types.js';
import { PRE_TOKENIZER_NAMES } from '../../src/model/gguf/pre-tokenizers.js';
import { ENCODER_FAMILIES } from '../../src/model/architecture/encoder-families.js';
import { some } from '../support/some.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Cells of the rows of a table, by the heading of its section and without the two head lines. */
function table(heading: string): string[][] {
  const section = read('docs/models.md').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

const families = [
  ...DECODER_FAMILIES.map(({ modelType }) => `decoder \`${modelType}\``),
  ...ENCODER_FAMILIES.map(({ modelType }) => `encoder \`${modelType}\``),
];

const golden = z
  .array(z.object({ kind: z.string(), name: z.string(), family: z.string().optional() }))
  .parse(JSON.parse(read('test/golden/models/expected.json')));

describe('docs/models.md', () => {
  test('lists every family that can be read, and no other', () => {
    assert.deepEqual(
      table('Architectures').map(([role, type]) => `${role} ${type}`),
      families,
    );
  });

  test('names for each family the checkpoints that it was compared with, at least one', () => {
    const rows = table('How it was checked');
    assert.deepEqual(
      rows.map(([name]) => name),
      families,
    );
    for (const [name, checkpoints] of some(rows)) {
      const compared = golden.filter(({ kind, family }) => `${kind} \`${family}\`` === name);
      assert.ok(compared.length > 0, name);
      assert.equal(checkpoints, compared.map((model) => `\`${model.name}\``).join(', '), name);
    }
  });

  test('names all that is read of GGUF files, and nothing else', () => {
    const rows = table('GGUF files').map(([, read]) => read);
    const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
    assert.deepEqual(rows.slice(0, 3), [GGUF_ARCHITECTURES, READABLE_TYPES, PRE_TOKENIZER_NAMES].map(listed));
  });

  test('has a row for every dtype', () => {
    assert.deepEqual(
      table('Number formats').map(([dtype]) => dtype),
      DTYPES.map((dtype) => `\`${dtype}\``),
    );
  });
});
