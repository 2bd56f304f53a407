/**
 * @file Which regular expressions of tokenizers are run.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ModelError } from '../../src/domain/errors.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { patternProblem } from '../../src/tokenizer/pattern-cost.js';
import { byteLevelDefinition } from '../support/tiny-tokenizers.js';

const ENDINGS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const REST = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const CASED = (between: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}${between}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}${between}]+${ENDINGS}?|` +
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}${between}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}${between}]*${ENDINGS}?`;

/** As they stand in the tokenizer.json of published models. */
const PUBLISHED: Readonly<Record<string, string>> = {
  'GPT-2': String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  Qwen2: String.raw`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${REST}`,
  'Llama 3': String.raw`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${REST}`,
  'GPT-4o': String.raw`${CASED('')}|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  Kimi: String.raw`[\p{Han}]+|${CASED(String.raw`&&[^\p{Han}]`)}|\p{N}{1,3}|${REST}`,
  'DeepSeek-V3': String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'DeepSeek-Coder': String.raw`\s?\p{L}+`,
  CJK: '[一-龥ࠀ-一가-퟿]+',
  BLOOM: String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`,
  CLIP: String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  Falcon: '[0-9][0-9][0-9]',
  'digits from the right': String.raw`\d{1,3}(?=(?:\d{3})*\b)`,
  'digits before a group': String.raw`(?=(\d{3})+(?!\d))`,
  'runs of blanks': ' {2,}',
  'old llama.cpp': String.raw`[\p{P}\$\+<=>\^~\|]+`,
};

/** Each takes more time than anybody has on some text of a hundred characters, or refers back. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  '(a+)+$': /repeats a group of varying length: \(a\+\)\+/,
  '(a*)*b': /varying length/,
  '(?:a|a)+$': /varying length/,
  '(?:a|ab)*c': /varying length/,
  '(a?){40}a{40}': /varying length/,
  '(?:(?:a{1,9})+)+b': /varying length/,
  'a*a*a*b': /behind 2 open repetitions it has a part that can fail: b/,
  '.*.*=.*': /behind 2 open repetitions/,
  [String.raw`\s*\s*(?=x)`]: /behind 2 open repetitions/,
  ['a?'.repeat(30) + 'a'.repeat(30)]: /more than 4096 combinations/,
  [`${'(?:a|a)'.repeat(30)}b`]: /more than 4096 combinations/,
  [`${'a{0,16}'.repeat(10)}b`]: /more than 4096 combinations/,
  [String.raw`(a+)\1`]: /refers back/,
  [String.raw`(?<n>a)\k<n>`]: /refers back/,
  ['('.repeat(1000)]: /nest deeper than 20/,
  '(a': /never closed/,
  'a)': /never begun/,
  '[a': /never closed/,
  '(?(1)a|b)': /not known here/,
  ['x'.repeat(5000)]: /has 5000 characters/,
};

describe('a regular expression of a tokenizer', () => {
  for (const [name, pattern] of Object.entries(PUBLISHED)) {
    test(`is run as it is published: ${name}`, () => {
      assert.equal(patternProblem(pattern), null);
    });
  }

  for (const [pattern, reason] of Object.entries(REFUSED)) {
    test(`is refused with its reason: ${pattern.slice(0, 40)}`, () => {
      assert.match(patternProblem(pattern) ?? 'none', reason);
    });
  }
});

describe('a tokenizer.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-pattern-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (stages: object): void => {
    const definition = byteLevelDefinition({ controls: ['<end>'], split: 'qwen' }) as object;
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...definition, ...stages }));
  };
  const replace = { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' };
  const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };

  for (const [place, stages] of Object.entries({
    'its normalizer': { normalizer: { type: 'Sequence', normalizers: [replace] } },
    'its pre-tokenizer': { pre_tokenizer: { type: 'Sequence', pretokenizers: [split] } },
    'its decoder': { decoder: { type: 'Sequence', decoders: [replace] } },
  })) {
    test(`is refused where ${place} holds such a pattern, with file, pattern and reason`, async () => {
      write(stages);
      await assert.rejects(loadTokenizer(folder), (error) => {
        assert.ok(error instanceof ModelError);
        assert.match(
          error.message,
          /tokenizer\.json: its pattern \(a\+\)\+\$ is not run: it repeats a group/,
        );
        return true;
      });
    });
  }
});
