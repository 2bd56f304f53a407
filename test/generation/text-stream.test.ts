import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import { createRng } from '../../src/tensor/rng.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { textStream } from '../../src/generation/text-stream.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';
import { writeTinyBundle } from '../support/tiny-models.js';
import { some } from '../support/some.js';

const NANO = fileURLToPath(new URL('../../models/llavacode-nano/decoder', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'text-stream-'));
const TEXTS = [
  'const x = 1;\n\treturn "b";\r\n',
  'emoji 👩‍👩‍👧 and Ünïcödé — “quotes” \ufffd\ufffd end',
  '\ufeff\ufeffx\u0000\u2028 \ufeff',
];

/** What the stream stands for: decode everything anew after each token. */
function agrees(tokenizer: Tokenizer, ids: readonly TokenId[]): void {
  const text = textStream(tokenizer);
  for (const [i, id] of some(ids.entries())) assert.equal(text(id), tokenizer.decode(ids.slice(0, i + 1)));
}

describe('the text of a growing completion', () => {
  const tokenizers: Tokenizer[] = [];
  before(async () => {
    writeTinyBundle(folder);
    // A vocabulary that marks beginnings of words, whose decoder drops the first blank.
    const metaspace = join(folder, 'metaspace');
    const vocab = { '<unk>': 0, '▁a': 1, b: 2, '▁': 3 };
    rmSync(metaspace, { recursive: true, force: true });
    const { mkdirSync } = await import('node:fs');
    mkdirSync(metaspace);
    writeFileSync(
      join(metaspace, 'tokenizer.json'),
      JSON.stringify({
        ...{ version: '1.0', truncation: null, padding: null, added_tokens: [], post_processor: null },
        normalizer: null,
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
        decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
        model: { type: 'BPE', unk_token: '<unk>', vocab, merges: [] },
      }),
    );
    for (const dir of [NANO, join(folder, 'decoder'), join(folder, 'encoder'), metaspace]) {
      tokenizers.push(await loadTokenizer(dir));
    }
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test('is what decoding all tokens anew gives, after each token of real text', () => {
    const code = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    for (const tokenizer of tokenizers.slice(0, 3)) {
      for (const text of [...TEXTS, code.slice(0, 1500)]) agrees(tokenizer, tokenizer.encode(text));
    }
  });

  test('and after each of 3,000 random ids, control tokens, broken characters and unknown ids among them', () => {
    const rng = createRng(7);
    for (const tokenizer of tokenizers) {
      for (let run = 0; run < 75; run++) {
        const ids = Array.from({ length: 10 }, () =>
          // Every other id is of the first 300: single bytes, which rarely make a character.
          tokenId(
            rng.int(
              rng.next() < 0.5 ? Math.min(300, tokenizer.vocabularySize) : tokenizer.vocabularySize + 3,
            ),
          ),
        );
        agrees(tokenizer, ids);
      }
    }
  });

  test('is put together from pieces for byte-level vocabularies only', () => {
    assert.deepEqual(
      tokenizers.map(({ decodesPiecewise }) => decodesPiecewise),
      [true, true, true, false],
    );
  });
});
