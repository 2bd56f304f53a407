import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Tokenizer as PackageTokenizer } from '@huggingface/tokenizers';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId } from '../../src/domain/units.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';
import { WordCache } from '../../src/tokenizer/word-cache.js';
import { TINY_DECODER_CONTROLS, TINY_ENCODER_CONTROLS, writeTinyBundle } from '../support/tiny-models.js';
import { some } from '../support/some.js';

const folder = mkdtempSync(join(tmpdir(), 'tokenizer-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** Texts that trip tokenizers. */
const TEXTS = [
  '',
  'const x = 1;',
  '\tif (a) {\r\n\t\treturn "b";\r\n\t}\r\n',
  '    \n\n  \t x  ',
  'emoji 👩‍👩‍👧 and Ünïcödé — “quotes”',
  "it's we'll I'D can't",
  'x'.repeat(200) + ' ' + '1234567890'.repeat(20),
  '__proto__ constructor toString',
  '\u0000\u0007\ufeff\u00a0\u2028',
];

for (const part of ['decoder', 'encoder'] as const) {
  describe(`tokenizer of the tiny ${part}`, () => {
    const dir = join(folder, part);
    const controls = part === 'decoder' ? TINY_DECODER_CONTROLS : TINY_ENCODER_CONTROLS;
    let tokenizer: Tokenizer;
    /** The package itself, with control tokens and without. */
    let full: PackageTokenizer;
    let plain: PackageTokenizer;

    before(async () => {
      writeTinyBundle(folder);
      tokenizer = await loadTokenizer(dir);
      const definition: unknown = JSON.parse(readFileSync(join(dir, 'tokenizer.json'), 'utf8'));
      assert.ok(typeof definition === 'object' && definition !== null);
      full = new PackageTokenizer(definition, {});
      plain = new PackageTokenizer({ ...definition, added_tokens: [] }, {});
    });

    test('text comes back as it was, blanks, line ends and emoji included', () => {
      for (const text of TEXTS) assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    });

    test('text without control tokens is encoded as by the package, from the cache too', () => {
      for (const text of [...TEXTS, ...TEXTS]) {
        const expected = text === '' ? [] : full.encode(text, { add_special_tokens: false }).ids;
        assert.deepEqual(tokenizer.encode(text), expected);
      }
    });

    test('a control token spelled in text becomes the ordinary tokens of its characters', () => {
      for (const name of some(controls)) {
        const text = `const marker = "${name}";\n${name}${name}`;
        const ids = tokenizer.encode(text);
        assert.deepEqual(ids, plain.encode(text, { add_special_tokens: false }).ids);
        for (const control of controls) assert.ok(!ids.includes(tokenizer.controlToken(control)!));
        assert.equal(tokenizer.decode(ids), text);
      }
    });

    test('control tokens are found by name and left out when decoding', () => {
      const ids = controls.map((name) => tokenizer.controlToken(name)!);
      assert.equal(new Set(ids).size, controls.length);
      const [a, b] = [tokenizer.encode('a'), tokenizer.encode('b')];
      assert.equal(tokenizer.decode([...a, ...ids, ...b]), 'ab');
      assert.equal(tokenizer.decode(ids), '');
      assert.equal(tokenizer.controlToken('<|no_such_token|>'), undefined);
      assert.equal(tokenizer.controlToken('const'), undefined);
    });

    test('bytes that are no character become U+FFFD, ids behind the vocabulary nothing', () => {
      // '€' is three bytes, so its token sequence without the last one is broken UTF-8.
      const euro = tokenizer.encode('€');
      assert.equal(euro.length, 3);
      assert.equal(tokenizer.decode(euro.slice(0, 2)), '\ufffd');
      assert.equal(tokenizer.decode([tokenId(tokenizer.vocabularySize + 7)]), '');
      const highest = Math.max(...controls.map((name) => tokenizer.controlToken(name)!));
      assert.ok(tokenizer.vocabularySize > highest);
    });
  });
}

describe('loading a tokenizer', () => {
  const path = join(folder, 'decoder', 'tokenizer.json');
  const message = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ModelError);
    assert.match(error.render(), pattern);
    return true;
  };

  test('the identity follows the files', async () => {
    writeTinyBundle(folder);
    const first = (await loadTokenizer(join(folder, 'decoder'))).identity;
    assert.equal((await loadTokenizer(join(folder, 'decoder'))).identity, first);
    assert.notEqual((await loadTokenizer(join(folder, 'encoder'))).identity, first);
  });

  test('vocab.json and merges.txt make the same tokenizer as the tokenizer.json with their content', async () => {
    writeTinyBundle(folder);
    const dir = join(folder, 'encoder');
    const expected = await loadTokenizer(dir);
    const { model } = JSON.parse(readFileSync(join(dir, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number>; merges: string[] };
    };
    writeFileSync(join(dir, 'vocab.json'), JSON.stringify(model.vocab));
    writeFileSync(join(dir, 'merges.txt'), `#version: 0.2\n${model.merges.join('\n')}\n`);
    rmSync(join(dir, 'tokenizer.json'));
    const tokenizer = await loadTokenizer(dir);
    for (const text of TEXTS) assert.deepEqual(tokenizer.encode(text), expected.encode(text));
    for (const name of TINY_ENCODER_CONTROLS) {
      assert.equal(tokenizer.controlToken(name), expected.controlToken(name));
    }
    const [cls, sep] = ['<s>', '</s>'].map((name) => tokenizer.controlToken(name)!);
    assert.deepEqual(tokenizer.specials, { before: [cls], after: [sep] });
  });

  describe('from vocab.json and merges.txt', () => {
    /** A folder with the older files of the tiny decoder or encoder, and what else is given. */
    function slowFolder(part: 'decoder' | 'encoder', more: Record<string, unknown>): string {
      const made = mkdtempSync(join(folder, 'slow-'));
      writeTinyBundle(made);
      const dir = join(made, part);
      const { model, added_tokens: added } = JSON.parse(
        readFileSync(join(dir, 'tokenizer.json'), 'utf8'),
      ) as {
        model: { vocab: Record<string, number>; merges: string[] };
        added_tokens: { content: string }[];
      };
      const controls = new Set(added.map(({ content }) => content));
      const ordinary = Object.entries(model.vocab).filter(([token]) => !controls.has(token));
      const vocab = part === 'decoder' ? Object.fromEntries(ordinary) : model.vocab;
      writeFileSync(join(dir, 'vocab.json'), JSON.stringify(vocab));
      writeFileSync(join(dir, 'merges.txt'), `#version: 0.2\n${model.merges.join('\n')}\n`);
      rmSync(join(dir, 'tokenizer.json'));
      for (const [name, content] of Object.entries(more))
        writeFileSync(join(dir, name), JSON.stringify(content));
      return dir;
    }
    const controlIds = (): Record<string, number> =>
      Object.fromEntries(TINY_DECODER_CONTROLS.map((name, i) => [name, 5000 + i]));

    test('a Qwen2 tokenizer cuts text by Qwen2’s rule and knows its added tokens', async () => {
      const ids = controlIds();
      const decoder = Object.fromEntries(
        Object.entries(ids).map(([content, id]) => [id, { content, special: true, normalized: false }]),
      );
      const folders = [
        slowFolder('decoder', {
          'tokenizer_config.json': { tokenizer_class: 'Qwen2Tokenizer', added_tokens_decoder: decoder },
        }),
        slowFolder('decoder', {
          'tokenizer_config.json': {},
          'added_tokens.json': ids,
          'config.json': { model_type: 'qwen2' },
        }),
        slowFolder('decoder', {
          'added_tokens.json': ids,
          'config.json': { tokenizer_class: 'Qwen2TokenizerFast' },
        }),
      ];
      for (const dir of some(folders)) {
        const tokenizer = await loadTokenizer(dir);
        // Qwen2 cuts numbers into digits and takes a sign with the word behind it; GPT-2 does neither.
        assert.deepEqual(tokenizer.encode('1234').length, 4);
        for (const text of TEXTS)
          assert.equal(tokenizer.decode(tokenizer.encode(text)), text.normalize('NFC'));
        assert.equal(tokenizer.controlToken('<|fim_prefix|>'), ids['<|fim_prefix|>']);
        assert.ok(!tokenizer.encode('"<|fim_prefix|>"').includes(tokenId(ids['<|fim_prefix|>']!)));
      }
    });

    test('the class decides the ids: the same two files give others under GPT-2’s rule', async () => {
      const idsOf = async (tokenizer_class: string): Promise<readonly number[]> => {
        const dir = slowFolder('encoder', { 'tokenizer_config.json': { tokenizer_class } });
        // Two merges that only GPT-2's words leave room for.
        const vocab = JSON.parse(readFileSync(join(dir, 'vocab.json'), 'utf8')) as Record<string, number>;
        writeFileSync(join(dir, 'vocab.json'), JSON.stringify({ ...vocab, '12': 6000 }));
        writeFileSync(join(dir, 'merges.txt'), `1 2\n${readFileSync(join(dir, 'merges.txt'), 'utf8')}`);
        return (await loadTokenizer(dir)).encode('12');
      };
      assert.deepEqual(await idsOf('GPT2Tokenizer'), [6000]);
      assert.equal((await idsOf('Qwen2Tokenizer')).length, 2);
    });

    test('a class that is not known, or that nobody names, is refused', async () => {
      const refused = (more: Record<string, unknown>): Promise<unknown> =>
        loadTokenizer(slowFolder('decoder', more));
      await assert.rejects(
        refused({ 'tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer' } }),
        message(/vocab\.json: [^]*tokenizer_class is CLIPTokenizer[^]*known classes: GPT2Tokenizer/),
      );
      await assert.rejects(
        refused({ 'config.json': { model_type: 'llama' }, 'tokenizer_config.json': {} }),
        message(/nothing says which tokenizer[^]*tokenizer_config\.json has no tokenizer_class/),
      );
      // Its published tokenizer cuts numbers into digits, which GPT-2's class does not say.
      await assert.rejects(
        refused({
          'config.json': { model_type: 'gpt_bigcode' },
          'tokenizer_config.json': { tokenizer_class: 'GPT2Tokenizer' },
        }),
        message(/cuts numbers[^]*tokenizer\.json/),
      );
    });

    test('a blank before texts and a token that begins them are taken from the configuration', async () => {
      const config = {
        tokenizer_class: 'GPT2Tokenizer',
        add_prefix_space: true,
        add_bos_token: true,
        bos_token: { content: '<s>' },
      };
      const tokenizer = await loadTokenizer(slowFolder('encoder', { 'tokenizer_config.json': config }));
      assert.equal(tokenizer.startsWithBlank, true);
      assert.deepEqual(tokenizer.specials, { before: [tokenizer.controlToken('<s>')!], after: [] });
    });

    test('damage in a file beside them is named', async () => {
      await assert.rejects(
        loadTokenizer(slowFolder('decoder', { 'tokenizer_config.json': { added_tokens_decoder: { x: 1 } } })),
        message(/tokenizer_config\.json beside it cannot be used/),
      );
    });
  });

  test('a tokenizer.json from before tokenizers 0.9 is the same without the type of its model and unused stages', async () => {
    for (const part of ['decoder', 'encoder'] as const) {
      writeTinyBundle(folder);
      const dir = join(folder, part);
      const expected = await loadTokenizer(dir);
      const file = join(dir, 'tokenizer.json');
      const { normalizer, model, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Record<
        string,
        object | null
      >;
      const { type, ...untyped } = model as Record<string, unknown>;
      assert.equal(type, 'BPE');
      // A stage that is not used is left out, too.
      const stages = normalizer === null ? {} : { normalizer };
      writeFileSync(file, JSON.stringify({ ...rest, ...stages, model: untyped }));
      const old = await loadTokenizer(dir);
      for (const text of TEXTS) assert.deepEqual(old.encode(text), expected.encode(text));
      assert.deepEqual(old.specials, expected.specials);
    }
    // BERT's, which has no merges.
    const words = { unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 };
    const model = { ...words, vocab: { '[UNK]': 0, con: 1, '##st': 2 } };
    writeFileSync(
      path,
      JSON.stringify({ added_tokens: [], pre_tokenizer: { type: 'BertPreTokenizer' }, model }),
    );
    assert.deepEqual((await loadTokenizer(join(folder, 'decoder'))).encode('const'), [1, 2]);
  });

  test('an added token that stands for text stays text', async () => {
    writeTinyBundle(folder);
    const text = readFileSync(path, 'utf8');
    const blanks = '{"id": 900, "content": "      ", "special": false, "normalized": false}';
    writeFileSync(path, text.replace('"added_tokens": [', `"added_tokens": [${blanks},`));
    const tokenizer = await loadTokenizer(join(folder, 'decoder'));
    assert.deepEqual(tokenizer.encode('      ').map(Number), [900]);
    assert.equal(tokenizer.decode(tokenizer.encode('a      b')), 'a      b');
    assert.equal(tokenizer.controlToken('      '), undefined);
    assert.equal(tokenizer.vocabularySize, 901);
  });

  test('files that are missing, not JSON or of another kind are refused with their path', async () => {
    writeTinyBundle(folder);
    const load = (): Promise<Tokenizer> => loadTokenizer(join(folder, 'decoder'));
    writeFileSync(path, readFileSync(path, 'utf8').replace('"BPE"', '"Unigram"'));
    await assert.rejects(load(), message(/tokenizer\.json: not a tokenizer this version can run[^]*BPE/));
    writeFileSync(path, '{');
    await assert.rejects(load(), message(/tokenizer\.json: not JSON/));
    rmSync(path);
    await assert.rejects(load(), message(/tokenizer\.json: cannot be read/));
  });
});

describe('word cache', () => {
  test('a word is encoded once, and again only after it was forgotten', () => {
    const encoded: string[] = [];
    const cache = new WordCache((word) => {
      encoded.push(word);
      return [tokenId(word.length)];
    });
    assert.deepEqual(cache.encode(['a', 'bc', 'a']).map(Number), [1, 2, 1]);
    assert.deepEqual(encoded, ['a', 'bc']);
    cache.encode(Array.from({ length: 70_000 }, (_, i) => String(i)));
    encoded.length = 0;
    assert.deepEqual(cache.encode(['bc']).map(Number), [2]);
    assert.deepEqual(encoded, ['bc']);
  });

  test('long words are not kept', () => {
    let calls = 0;
    const cache = new WordCache(() => {
      calls += 1;
      return [];
    });
    cache.encode(['x'.repeat(1000), 'x'.repeat(1000)]);
    assert.equal(calls, 2);
  });
});
