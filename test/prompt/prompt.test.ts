import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ModelError, UsageError } from '../../src/domain/errors.js';
import { tokenId } from '../../src/domain/units.js';
import { assemblePrompt, withConstants } from '../../src/prompt/assemble.js';
import { promptFormat } from '../../src/prompt/fim.js';
import { promptBudget } from '../../src/prompt/budget.js';
import { bareBlock, crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { encoderInput, unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import { encodeHead, encodeTail } from '../../src/prompt/truncate.js';
import { createRng } from '../../src/tensor/rng.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { fakeTokenizer, fakeFacts, fakeFormat } from '../support/fakes.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const ids = (...numbers: number[]) => numbers.map(tokenId);
const FIM = fakeFormat;
// FakeTokenizer: prefix 1, middle 2, suffix 3.

describe('the prompt budget', () => {
  test("is LlavaCode's: 2048 and 50 leave 665 tokens right and 1330 left", () => {
    // 2048 - 50 - 3 = 1995; 1995 / 3 = 665; 665 x 2 = 1330
    const budget = promptBudget({ maxPromptTokens: 2048, maxNewTokens: 50, contextTokens: 512 }, FIM);
    assert.deepEqual(budget, { leftTokens: 1330, rightTokens: 665, contextTokens: 512 });
  });

  test('rounds the right part down and takes the left from the rounded part', () => {
    // 640 - 50 - 3 = 587; 587 / 3 = 195.67 -> 195; 390
    assert.deepEqual(
      promptBudget({ maxPromptTokens: 640, maxNewTokens: 50, contextTokens: 1 }, FIM).leftTokens,
      390,
    );
  });

  test('refuses a window without room for code', () => {
    assert.throws(
      () => promptBudget({ maxPromptTokens: 55, maxNewTokens: 50, contextTokens: 9 }, FIM),
      UsageError,
    );
  });
});

describe('prompt assembly', () => {
  const parts = { left: ids(200, 201), right: ids(300) };

  test('without context is F1 left F2 right F3 in both placements', () => {
    for (const placement of ['before-prefix', 'after-suffix'] as const) {
      const prompt = assemblePrompt(FIM, { ...parts, context: { kind: 'none' }, placement });
      const at = placement === 'before-prefix' ? 0 : 5;
      assert.deepEqual(prompt, { ids: ids(1, 200, 201, 3, 300, 2), slots: [], context: [at, at] });
    }
  });

  test('puts text before the prefix, or between suffix and middle', () => {
    const context = { kind: 'text', ids: ids(7, 8) } as const;
    assert.deepEqual(
      assemblePrompt(FIM, { ...parts, context, placement: 'before-prefix' }).ids,
      ids(7, 8, 1, 200, 201, 3, 300, 2),
    );
    assert.deepEqual(
      assemblePrompt(FIM, { ...parts, context, placement: 'after-suffix' }).ids,
      ids(1, 200, 201, 3, 300, 7, 8, 2),
    );
  });

  test('reserves one slot a soft token and reports the positions', () => {
    const context = { kind: 'soft', count: 2 } as const;
    const before = assemblePrompt(FIM, { ...parts, context, placement: 'before-prefix' });
    assert.deepEqual([before.ids.length, before.slots], [8, [0, 1]]);
    const after = assemblePrompt(FIM, { ...parts, context, placement: 'after-suffix' });
    assert.deepEqual([after.ids.length, after.slots], [8, [5, 6]]);
  });

  test('puts a constant prompt in front of a context before the code, and behind one after it', () => {
    const soft = { kind: 'soft', count: 1 } as const;
    // Two constants c and one soft token s: c c s F1 left F2 right F3, and F1 left F2 right s c c F3.
    const first = withConstants(
      assemblePrompt(FIM, { ...parts, context: soft, placement: 'before-prefix' }),
      ...([2, FIM, 'before-prefix'] as const),
    );
    assert.deepEqual(first, {
      isFirst: true,
      prompt: { ids: ids(2, 2, 2, 1, 200, 201, 3, 300, 2), slots: [0, 1, 2], context: [0, 3] },
    });
    const last = withConstants(
      assemblePrompt(FIM, { ...parts, context: soft, placement: 'after-suffix' }),
      ...([2, FIM, 'after-suffix'] as const),
    );
    assert.deepEqual(last, {
      isFirst: false,
      prompt: { ids: ids(1, 200, 201, 3, 300, 2, 2, 2, 2), slots: [5, 6, 7], context: [5, 8] },
    });
    const text = { kind: 'text', ids: ids(7, 8) } as const;
    const behind = withConstants(
      assemblePrompt(FIM, { ...parts, context: text, placement: 'after-suffix' }),
      ...([1, FIM, 'after-suffix'] as const),
    );
    assert.deepEqual(behind.prompt.ids, ids(1, 200, 201, 3, 300, 7, 8, 2, 2));
    assert.deepEqual(behind.prompt.slots, [7]);
  });

  test('with no chunk found equals the prompt without context', () => {
    const none = assemblePrompt(FIM, { ...parts, context: { kind: 'none' }, placement: 'before-prefix' });
    for (const context of [{ kind: 'soft', count: 0 } as const, { kind: 'text', ids: [] } as const]) {
      assert.deepEqual(assemblePrompt(FIM, { ...parts, context, placement: 'before-prefix' }), none);
    }
  });
});

describe('the cross-file block', () => {
  test('is the published form to the byte', () => {
    const block = crossFileBlock([{ path: 'pkg/a.py', text: 'def f(x):\n    return x' }], 'python');
    assert.equal(
      block,
      '# Here are some relevant code fragments from other files of the repo:\n\n' +
        '# the below code fragment can be found in:\n# pkg/a.py\n# def f(x):\n#     return x\n\n',
    );
  });

  test('cuts lines where Python does, so that no line escapes its comment mark', () => {
    const block = crossFileBlock([{ path: 'a.ts', text: 'a\u2028b\fc\r\nd' }], 'typescript');
    assert.ok(block.endsWith('// a.ts\n// a\n// b\n// c\n// d\n\n'), JSON.stringify(block));
  });

  test('of no chunks is empty', () => {
    assert.equal(crossFileBlock([], 'typescript'), '');
  });

  test("is a benchmark's own text where the chunks bring one, whatever its form", () => {
    const chunks = [
      { path: 'a.py', text: 'x', shown: '# header\n\n# a.py\n# x\n\f' },
      { path: 'b.py', text: 'y', shown: '# b.py\r\n# y' },
    ];
    assert.equal(crossFileBlock(chunks, 'python'), '# header\n\n# a.py\n# x\n\f# b.py\r\n# y');
    assert.match(crossFileBlock([chunks[0]!, { path: 'c.py', text: 'z' }], 'python'), /^# Here are/);
  });
});

describe('the bare block', () => {
  test('is the code alone, best chunk first, without the indentation its lines share', () => {
    const chunks = [{ text: '    if (a) {\n\n      b();\n    }' }, { text: '\tc\n  d' }];
    assert.equal(bareBlock(chunks), 'if (a) {\n  b();\n}\n\tc\n  d\n');
    assert.equal(bareBlock([]), '');
  });

  test('holds code where the published form, cut to the same ten tokens, has not reached any', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llava-eval-prompt-'));
    writeTinyBundle(folder);
    const tokenizer = await loadTokenizer(join(folder, 'decoder'));
    await rm(folder, { recursive: true });
    const chunks = [{ path: 'src/cart.ts', text: '    return items.filter((item) => item.price > 0);' }];
    const cut = (text: string): string => tokenizer.decode(encodeHead(tokenizer, text, 10));
    assert.ok(!cut(crossFileBlock(chunks, 'typescript')).includes('return'));
    assert.ok(cut(bareBlock(chunks)).startsWith('return '));
  });
});

describe('the encoder template', () => {
  test('keeps the first tokens that fit between <s> <encoder-only> </s> and </s>', () => {
    const template = unixcoderTemplate(fakeTokenizer, 7);
    // <s> 4, </s> 5, <encoder-only> 6; 7 - 4 = 3 tokens of text
    assert.deepEqual(encoderInput(template, ids(200, 201, 202, 203)), ids(4, 6, 5, 200, 201, 202, 5));
  });

  test('is refused for a tokenizer without its tokens', () => {
    const bare = { ...fakeTokenizer, controlToken: () => undefined };
    assert.throws(() => unixcoderTemplate(bare, 7), ModelError);
    assert.throws(
      () => promptFormat('qwen2.5-coder', bare, fakeFacts),
      /has no <\|fim_prefix\|>, <\|fim_suffix\|>, <\|fim_middle\|>/,
    );
  });
});

describe('cutting to a budget', () => {
  test('equals tokenizing the whole text and slicing, on 500 random texts', () => {
    const rng = createRng(3);
    const pieces = ['word', '\n', '\n', '\n\n', '  ', '\t', 'x = 1;', '\r\n', 'é', '😀'];
    for (let round = 0; round < 500; round++) {
      const text = Array.from({ length: rng.int(120) }, () => pieces[rng.int(pieces.length)]!).join('');
      const limit = rng.int(40);
      const all = fakeTokenizer.encode(text);
      assert.deepEqual(encodeHead(fakeTokenizer, text, limit), all.slice(0, limit));
      assert.deepEqual(encodeTail(fakeTokenizer, text, limit), limit === 0 ? [] : all.slice(-limit));
    }
  });

  test('equals tokenizing everything with the splitting rule of Qwen2, on code of this project', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llava-eval-prompt-'));
    writeTinyBundle(folder);
    const tokenizer = await loadTokenizer(join(folder, 'decoder'));
    await rm(folder, { recursive: true });
    const text = readFileSync(new URL('./prompt.test.ts', import.meta.url), 'utf8').replaceAll(
      '\n\n',
      '\n \n\n',
    );
    const half = Math.floor(text.length / 2);
    const rng = createRng(4);
    for (let round = 0; round < 60; round++) {
      const part = text.slice(rng.int(half), half + rng.int(half));
      const limit = 1 + rng.int(300);
      const all = tokenizer.encode(part);
      assert.deepEqual(encodeHead(tokenizer, part, limit), all.slice(0, limit));
      assert.deepEqual(encodeTail(tokenizer, part, limit), all.slice(-limit));
    }
  });

  test('tokenizes only a part of a long text', () => {
    let seen = 0;
    const counting = {
      ...fakeTokenizer,
      encode: (text: string) => {
        seen += text.length;
        return fakeTokenizer.encode(text);
      },
    };
    const text = 'const value = compute(1);\n'.repeat(4000);
    encodeTail(counting, text, 100);
    encodeHead(counting, text, 100);
    assert.ok(seen < 2000, `${seen} characters tokenized`);
  });
});
