import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { encodeHead, encodeTail } from '../../src/prompt/truncate.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';
import { byteLevelDefinition, sentencePieceDefinition } from '../support/tiny-tokenizers.js';
import { some } from '../support/some.js';

const folder = mkdtempSync(join(tmpdir(), 'cuts-'));
after(() => {
  rmSync(folder, { recursive: true });
});

interface Definition {
  added_tokens: unknown[];
  pre_tokenizer: unknown;
  model: { vocab: Record<string, number>; merges: string[] };
}

/** Bytes as byte-level vocabularies write them: `Ċ` is a line feed, `č` a carriage return, `Ġ` a blank. */
const BYTE_MERGES = [
  ['Ċ', 'Ġ'],
  ['Ġ', 'Ġ'],
  ['ĠĠ', 'ĠĠ'],
  ['Ċ', 'Ċ'],
  ['č', 'Ċ'],
  ['{', 'Ċ'],
  ['o', 'o'],
  ['f', 'oo'],
  ['Ġ', 'foo'],
  ['foo', '('],
  ['(', ')'],
  ['foo', 'Ċ'],
  ["'", 's'],
  ['1', '2'],
  ['foo', '12'],
] as const;

/** Of a vocabulary with `▁` for a blank; no token holds `)` and `▁` side by side, or `;` and anything. */
const PIECE_MERGES = [
  ['▁', '▁'],
  ['▁▁', '▁▁'],
  ['\n', '\n'],
  ['\n', '▁'],
  ['o', 'o'],
  ['f', 'oo'],
  ['▁', 'foo'],
  ['foo', '('],
  ['(', ')'],
] as const;

/** Adds merges that join characters across every kind of border, so that a wrong cut shows. */
function withMerges(definition: unknown, merges: readonly (readonly [string, string])[]): Definition {
  const changed = structuredClone(definition) as Definition;
  let next = 10_000;
  for (const [left, right] of merges) {
    for (const token of [left, right, left + right]) changed.model.vocab[token] ??= next++;
    changed.model.merges.push(`${left} ${right}`);
  }
  return changed;
}

function withSplits(definition: Definition, patterns: readonly string[]): Definition {
  const splits = patterns.map((Regex) => ({
    type: 'Split',
    pattern: { Regex },
    behavior: 'Isolated',
    invert: false,
  }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return { ...definition, pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, bytes] } };
}

const qwen = withMerges(byteLevelDefinition({ controls: ['<|end|>'], split: 'qwen' }), BYTE_MERGES);
const digits = withMerges(byteLevelDefinition({ controls: ['<|end|>'], split: 'digits' }), BYTE_MERGES);
const controls = ['<unk>', '<s>'];
const llama = withMerges(sentencePieceDefinition({ controls, prefixBlank: true, bos: '<s>' }), PIECE_MERGES);
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const CUTTABLE: Readonly<Record<string, Definition>> = {
  'Qwen2.5': qwen,
  'GPT-2': { ...digits, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true } },
  StarCoder: digits,
  'Llama 3': withSplits(qwen, [LLAMA3]),
  'DeepSeek-Coder': {
    ...withSplits(qwen, [
      String.raw`[\r\n]`,
      String.raw`\s?\p{L}+`,
      String.raw`\s?\p{P}+`,
      '[一-龥ࠀ-一가-퟿]+',
    ]),
    added_tokens: [{ id: 20_000, content: 'ö', special: false, normalized: false }],
  },
  'Code Llama': llama,
  CodeGemma: withMerges(sentencePieceDefinition({ controls, prefixBlank: false, bos: '<s>' }), PIECE_MERGES),
};

/** Known to be cut nowhere: what their stages do is not proven. */
const WHOLE: Readonly<Record<string, Definition>> = {
  'an unknown pattern': withSplits(qwen, [String.raw`\p{L}+\(?|\s+|[^\s\p{L}]+`]),
  'an ordinary token across the end of a word': {
    ...qwen,
    added_tokens: [{ id: 20_000, content: 'foo();', special: false, normalized: false }],
  },
  'an ordinary token that takes blanks': {
    ...qwen,
    added_tokens: [{ id: 20_000, content: '@', special: false, normalized: false, lstrip: true }],
  },
};

async function load(definition: Definition): Promise<Tokenizer> {
  const dir = mkdtempSync(join(folder, 'tokenizer-'));
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(definition));
  return loadTokenizer(dir);
}

const PIECES = [
  ...[
    'foo',
    'foo',
    'foo(',
    '();',
    ')',
    '{',
    '\n',
    '\n',
    '\n\n',
    '\r\n',
    ' ',
    '  ',
    '    ',
    '\t',
    "'s",
    "it's",
  ],
  ...['12', '1', '_', 'é', 'e\u0301', '\u0301', 'ö', '😀', '\u00a0', '\u2028', '中文', 'x'.repeat(90), '▁'],
];

function randomText(rng: Rng, pieces: number): string {
  return Array.from({ length: rng.int(pieces) }, () => PIECES[rng.int(PIECES.length)]!).join('');
}

const SOURCE = readFileSync(new URL('./cuts.test.ts', import.meta.url), 'utf8').slice(0, 5000);
/** Real code: as it is, with the line ends of Windows, and on one line. */
const SOURCES = [SOURCE, SOURCE.replaceAll('\n', '\r\n'), SOURCE.replaceAll('\n', ' ')];

for (const [name, definition] of Object.entries(CUTTABLE)) {
  describe(`cutting text for the tokenizer of ${name}`, () => {
    let tokenizer: Tokenizer;
    before(async () => {
      tokenizer = await load(definition);
    });
    /** Whether a cut changes the ids. */
    const changes = (text: string, at: number): boolean => {
      const parts = [...tokenizer.encode(text.slice(0, at)), ...tokenizer.encode(text.slice(at))];
      return JSON.stringify(parts) !== JSON.stringify(tokenizer.encode(text));
    };

    test('no cut that is allowed changes the ids, of 300 random texts; cuts that are not allowed do', () => {
      const rng = createRng(7);
      let allowed = 0;
      let refusedRightly = 0;
      for (let round = 0; round < 300; round++) {
        const text = randomText(rng, 12);
        for (let at = 1; at < text.length; at++) {
          if (!tokenizer.canCut(text, at)) {
            if (refusedRightly < 20 && changes(text, at)) refusedRightly += 1;
            continue;
          }
          allowed += 1;
          assert.ok(!changes(text, at), JSON.stringify([text.slice(0, at), text.slice(at)]));
        }
      }
      assert.ok(allowed >= 100 && refusedRightly === 20, `${allowed} allowed`);
    });

    test('the first and last tokens are those of the whole text, of random texts and real code', () => {
      const rng = createRng(8);
      const texts = [...Array.from({ length: 60 }, () => randomText(rng, 400)), ...SOURCES];
      for (const text of some(texts)) {
        const all = tokenizer.encode(text);
        for (const limit of [1, 2, 3 + rng.int(60), 100 + rng.int(400), all.length, all.length + 1]) {
          assert.deepEqual(encodeHead(tokenizer, text, limit), all.slice(0, limit));
          assert.deepEqual(encodeTail(tokenizer, text, limit), limit === 0 ? [] : all.slice(-limit));
        }
      }
    });

    test('of a long text without a line end only what can fit is tokenized', () => {
      const text = 'const value = await foo(a.b, [1, 2]); '.repeat(10_000);
      let seen = 0;
      const counting: Tokenizer = {
        ...tokenizer,
        canCut: (whole, at) => tokenizer.canCut(whole, at),
        encode: (part) => {
          seen += part.length;
          return tokenizer.encode(part);
        },
      };
      encodeHead(counting, text, 300);
      encodeTail(counting, text, 300);
      // 300 tokens are 300 to 1,500 characters of such code, at each of the two ends.
      assert.ok(seen <= 4000, `${seen} of ${text.length} characters`);
    });
  });
}

describe('cutting text', () => {
  test("with GPT-2's pattern a line does not begin a word: its blanks belong to the line end before it", async () => {
    // Words: "foo", "\n  " and " foo", to which the pattern leaves one blank; "\n  " is "\n " and " " by the
    // merge of line feed and blank. From the start of the line on, the first word is "  ", which is one token.
    const tokenizer = await load(CUTTABLE['GPT-2']!);
    const text = 'foo\n   foo';
    assert.deepEqual(
      tokenizer.encode(text).map((id) => tokenizer.decode([id])),
      ['foo', '\n ', ' ', ' foo'],
    );
    assert.deepEqual(
      tokenizer.encode('   foo').map((id) => tokenizer.decode([id])),
      ['  ', ' foo'],
    );
    for (const limit of [1, 2, 3, 4]) {
      assert.deepEqual(encodeTail(tokenizer, text, limit), tokenizer.encode(text).slice(-limit));
    }
  });

  for (const [name, definition] of Object.entries(WHOLE)) {
    test(`is refused everywhere with ${name}, and what is kept is right all the same`, async () => {
      const tokenizer = await load(definition);
      const text = 'foo(); @ foo\n  foo();'.repeat(20);
      for (let at = 0; at <= text.length; at++) assert.ok(!tokenizer.canCut(text, at));
      const all = tokenizer.encode(text);
      assert.deepEqual(encodeHead(tokenizer, text, 9), all.slice(0, 9));
      assert.deepEqual(encodeTail(tokenizer, text, 9), all.slice(-9));
    });
  }
});
