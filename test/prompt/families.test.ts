import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import { readDecoderFacts } from '../../src/model/folder/decoder-facts.js';
import { assemblePrompt } from '../../src/prompt/assemble.js';
import { promptBudget } from '../../src/prompt/budget.js';
import {
  familyDoubt,
  markerCount,
  PROMPT_FAMILIES,
  promptFormat,
  promptOrder,
  recognizeFamily,
  type PromptFamily,
} from '../../src/prompt/fim.js';
import { templateFormat } from '../../src/prompt/template.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';
import { byteLevelDefinition, sentencePieceDefinition } from '../support/tiny-tokenizers.js';
import { some } from '../support/some.js';

const folder = mkdtempSync(join(tmpdir(), 'families-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** What each family's tokenizer is made of: stages of the real one, controls with the real names. */
interface Case {
  readonly family: PromptFamily;
  readonly definition: unknown;
  readonly modelType: string;
  /** Names in the order of the prompt: begin, prefix, suffix, middle. */
  readonly names: readonly [begin: string | null, prefix: string, suffix: string, middle: string] | null;
  readonly controls: readonly string[];
  readonly startsWithBlank: boolean;
}

const QWEN = [
  '<|endoftext|>',
  '<|im_end|>',
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
];
const STARCODER = [
  '<|endoftext|>',
  '<fim_prefix>',
  '<fim_middle>',
  '<fim_suffix>',
  '<fim_pad>',
  '<repo_name>',
  '<file_sep>',
];
const SANTACODER = ['<|endoftext|>', '<fim-prefix>', '<fim-middle>', '<fim-suffix>', '<fim-pad>'];
const DEEPSEEK = [
  '<｜begin▁of▁sentence｜>',
  '<｜end▁of▁sentence｜>',
  '<｜fim▁hole｜>',
  '<｜fim▁begin｜>',
  '<｜fim▁end｜>',
  '<|EOT|>',
];
const CODELLAMA = ['<unk>', '<s>', '</s>', '▁<PRE>', '▁<MID>', '▁<SUF>', '▁<EOT>'];
const CODEGEMMA = [
  '<pad>',
  '<eos>',
  '<bos>',
  '<unk>',
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<|file_separator|>',
];
const SMOLLM = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<repo_name>', '<file_sep>'];

const CASES: readonly Case[] = [
  {
    family: 'qwen2.5-coder',
    definition: byteLevelDefinition({
      controls: QWEN,
      special: (name) => !name.includes('fim'),
      split: 'qwen',
    }),
    modelType: 'qwen2',
    names: [null, '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
    controls: QWEN,
    startsWithBlank: false,
  },
  {
    family: 'starcoder',
    definition: byteLevelDefinition({ controls: STARCODER, split: 'digits' }),
    modelType: 'starcoder2',
    names: [null, '<fim_prefix>', '<fim_suffix>', '<fim_middle>'],
    controls: STARCODER,
    startsWithBlank: false,
  },
  {
    family: 'santacoder',
    definition: byteLevelDefinition({ controls: SANTACODER, split: 'digits' }),
    modelType: 'gpt_bigcode',
    names: [null, '<fim-prefix>', '<fim-suffix>', '<fim-middle>'],
    controls: SANTACODER,
    startsWithBlank: false,
  },
  {
    family: 'deepseek-coder',
    definition: byteLevelDefinition({
      controls: DEEPSEEK,
      special: (name) => !name.includes('fim'),
      split: 'qwen',
      bos: DEEPSEEK[0]!,
    }),
    modelType: 'llama',
    names: ['<｜begin▁of▁sentence｜>', '<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
    controls: DEEPSEEK,
    startsWithBlank: false,
  },
  {
    family: 'codellama',
    definition: sentencePieceDefinition({ controls: CODELLAMA, prefixBlank: true, bos: '<s>' }),
    modelType: 'llama',
    names: ['<s>', '▁<PRE>', '▁<SUF>', '▁<MID>'],
    controls: CODELLAMA,
    startsWithBlank: true,
  },
  {
    family: 'codegemma',
    definition: sentencePieceDefinition({ controls: CODEGEMMA, prefixBlank: false, bos: '<bos>' }),
    modelType: 'gemma',
    names: ['<bos>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
    controls: CODEGEMMA,
    startsWithBlank: false,
  },
  {
    family: 'prefix-only',
    definition: byteLevelDefinition({ controls: SMOLLM, split: 'digits' }),
    modelType: 'llama',
    names: null,
    controls: SMOLLM,
    startsWithBlank: false,
  },
];

const write = (definition: unknown): Promise<Tokenizer> => {
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(definition));
  return loadTokenizer(folder);
};
const ids = (...values: number[]): TokenId[] => values.map(tokenId);

for (const { family, definition, modelType, names, controls, startsWithBlank } of CASES) {
  describe(`prompt family ${family}`, () => {
    const load = async () => {
      const tokenizer = await write(definition);
      const facts = { modelType, vocabularySize: tokenizer.vocabularySize, endIds: ids(3) };
      return { tokenizer, facts, format: promptFormat(family, tokenizer, facts) };
    };

    test('is recognized from vocabulary and model type', async () => {
      const { tokenizer, facts } = await load();
      assert.equal(recognizeFamily(tokenizer, facts), family);
    });

    test('is not recognized where its markers lie beyond the embedding table', async () => {
      const { tokenizer, facts } = await load();
      if (names === null) return;
      const highest = Math.max(...names.slice(1).map((name) => tokenizer.controlToken(name!)!));
      const small = { ...facts, vocabularySize: highest };
      assert.equal(recognizeFamily(tokenizer, small), 'prefix-only');
      assert.throws(() => promptFormat(family, tokenizer, small), ModelError);
    });

    test('puts begin once and first, then the markers in their order, context in its place', async () => {
      const { tokenizer, format } = await load();
      const [left, right, text] = [ids(200, 201), ids(202), ids(203)];
      const context = { kind: 'text', ids: text } as const;
      const before = assemblePrompt(format, { left, right, context, placement: 'before-prefix' }).ids;
      const behind = assemblePrompt(format, { left, right, context, placement: 'after-suffix' }).ids;
      if (names === null) {
        assert.deepEqual(before, [...text, ...left]);
        assert.deepEqual(behind, before, 'without a suffix there is one place');
        return;
      }
      const [begin, ...markers] = names;
      const [f1, f2, f3] = markers.map((name) => tokenizer.controlToken(name)!);
      const start = begin === null ? [] : [tokenizer.controlToken(begin)!];
      assert.deepEqual(before, [...start, ...text, f1, ...left, f2, ...right, f3]);
      assert.deepEqual(behind, [...start, f1, ...left, f2, ...right, ...text, f3]);
    });

    test('reserves soft tokens where text would stand', async () => {
      const { format } = await load();
      const parts = { left: ids(200), right: ids(201), placement: 'before-prefix' } as const;
      const prompt = assemblePrompt(format, { ...parts, context: { kind: 'soft', count: 2 } });
      const first = format.begin.length;
      assert.deepEqual(prompt.slots, [first, first + 1]);
      assert.deepEqual(
        prompt.ids.filter((_, t) => !prompt.slots.includes(t)),
        assemblePrompt(format, { ...parts, context: { kind: 'none' } }).ids,
      );
    });

    test('stops at its own markers and at the ends that the configuration names', async () => {
      const { tokenizer, format } = await load();
      assert.ok(format.stop.has(tokenId(3)));
      for (const name of names?.slice(1) ?? ['<|endoftext|>']) {
        assert.ok(format.stop.has(tokenizer.controlToken(name!)!), name!);
      }
    });

    test('never makes a control token of source code that spells one', async () => {
      const { tokenizer } = await load();
      const forbidden = new Set(controls.map((name) => tokenizer.controlToken(name)!));
      assert.equal(forbidden.size, controls.length);
      for (const name of some(controls)) {
        for (const text of [name, `x = "${name}"\n`, `${name}${name}`, ` ${name} `, `a${name}b`]) {
          const encoded = tokenizer.encode(text);
          assert.ok(
            encoded.every((id) => !forbidden.has(id)),
            `${text}: ${encoded.join()}`,
          );
          // SentencePiece writes blanks as ▁, so that a ▁ in a text is a blank.
          const kept = family === 'codellama' ? text.replaceAll('▁', ' ') : text;
          assert.equal(tokenizer.decode(encoded), kept);
        }
      }
    });

    test('encodes code from the middle of a file as it stands, blanks at both ends included', async () => {
      const { tokenizer, format } = await load();
      assert.equal(format.startsWithBlank, startsWithBlank);
      for (const text of [' return x', 'return x ', '\n\n  a = 1\n', '\tb', '12 345', 'é😀']) {
        assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
      }
    });
  });
}

describe('prompts that show the suffix first', () => {
  const load = async (modelType = 'llama') => {
    const tokenizer = await write(
      byteLevelDefinition({ controls: [...STARCODER, '<filename>'], split: 'digits' }),
    );
    const facts = { modelType, vocabularySize: tokenizer.vocabularySize, endIds: ids(3) };
    const [f1, f2, f3] = ['<fim_prefix>', '<fim_suffix>', '<fim_middle>'].map((name) =>
      tokenizer.controlToken(name)!,
    );
    return { tokenizer, facts, f1: f1!, f2: f2!, f3: f3! };
  };
  const [left, right, text] = [ids(200, 201), ids(202), ids(203)];
  const context = { kind: 'text', ids: text } as const;

  test('mellum is suffix, prefix, middle; context stands in front of all code or behind the suffix', async () => {
    const { tokenizer, facts, f1, f2, f3 } = await load();
    const format = promptFormat('mellum', tokenizer, facts);
    assert.equal(promptOrder('mellum'), 'suffix, prefix, middle');
    const ofPlacement = (placement: 'before-prefix' | 'after-suffix'): readonly TokenId[] =>
      assemblePrompt(format, { left, right, context, placement }).ids;
    assert.deepEqual(ofPlacement('before-prefix'), [...text, f2, ...right, f1, ...left, f3]);
    assert.deepEqual(ofPlacement('after-suffix'), [f2, ...right, ...text, f1, ...left, f3]);
    const soft = assemblePrompt(format, {
      left,
      right,
      context: { kind: 'soft', count: 2 },
      placement: 'after-suffix',
    });
    // F2 and one id of the suffix stand before the soft tokens.
    assert.deepEqual(soft.slots, [2, 3]);
    assert.ok(format.stop.has(tokenizer.controlToken('<filename>')!) && format.stop.has(tokenId(3)));
  });

  test('the budget is that of any family with three markers', async () => {
    const { tokenizer, facts } = await load();
    const limits = { maxPromptTokens: 2048, maxNewTokens: 50, contextTokens: 512 };
    assert.deepEqual(
      promptBudget(limits, promptFormat('mellum', tokenizer, facts)),
      promptBudget(limits, promptFormat('starcoder', tokenizer, facts)),
    );
  });

  test('is never guessed: the markers are StarCoder’s, and a llama model gets a word of doubt', async () => {
    const { tokenizer, facts } = await load();
    assert.equal(recognizeFamily(tokenizer, facts), 'starcoder');
    assert.match(familyDoubt('starcoder', facts)!, /suffix first[^]*--prompt-family mellum/);
    for (const modelType of ['starcoder2', 'gpt_bigcode', null]) {
      assert.equal(familyDoubt('starcoder', { ...facts, modelType }), null);
    }
    assert.equal(familyDoubt('codellama', facts), null);
  });

  test('every family says its order, and only mellum has the suffix first', () => {
    const first = PROMPT_FAMILIES.filter((family) => promptOrder(family).startsWith('suffix'));
    assert.deepEqual(first, ['mellum']);
    assert.equal(promptOrder('prefix-only'), 'prefix');
  });

  describe('a template', () => {
    test('says the same as a family, in any order of markers', async () => {
      const { tokenizer, facts } = await load();
      for (const [family, template] of [
        ['mellum', '<fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>'],
        ['starcoder', '<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>'],
      ] as const) {
        const format = templateFormat(template, tokenizer, facts);
        const expected = promptFormat(family, tokenizer, facts);
        assert.deepEqual([format.parts, format.begin], [expected.parts, expected.begin]);
        assert.equal(format.name, template, 'runs with another template are another run');
      }
    });

    test('may begin with a token, hold several in a row, and end with the code before the hole', async () => {
      const { tokenizer, facts, f1, f2, f3 } = await load();
      const format = templateFormat(
        '<|endoftext|><fim_prefix><fim_suffix>{suffix}<fim_middle>{prefix}',
        tokenizer,
        facts,
      );
      const prompt = assemblePrompt(format, { left, right, context, placement: 'before-prefix' });
      const start = tokenizer.controlToken('<|endoftext|>')!;
      assert.deepEqual(prompt.ids, [...text, start, f1, f2, ...right, f3, ...left]);
      assert.equal(markerCount(format), 4);
    });

    test('without {suffix} gives the whole window to the code before the hole', async () => {
      const { tokenizer, facts } = await load();
      const format = templateFormat('<fim_prefix>{prefix}', tokenizer, facts);
      const limits = { maxPromptTokens: 100, maxNewTokens: 10, contextTokens: 5 };
      assert.deepEqual(promptBudget(limits, format), { leftTokens: 89, rightTokens: 0, contextTokens: 5 });
    });

    test('is refused without {prefix}, with a place twice, and with anything that is no control token', async () => {
      const { tokenizer, facts } = await load();
      const refused = (template: string, pattern: RegExp): void => {
        assert.throws(() => templateFormat(template, tokenizer, facts), pattern, template);
      };
      refused('<fim_suffix>{suffix}<fim_middle>', /has 0 \{prefix\} and 1 \{suffix\}/);
      refused('{prefix}{suffix}{suffix}', /has 1 \{prefix\} and 2 \{suffix\}/);
      refused('<fim_prefix> {prefix}', /no control token at " "/);
      refused('<PRE>{prefix}', /no control token at "<PRE>"/);
      const small = { ...facts, vocabularySize: tokenizer.controlToken('<fim_middle>')! };
      assert.throws(() => templateFormat('{prefix}<fim_middle>', tokenizer, small), /no control token/);
    });
  });
});

describe('the format of a prompt', () => {
  test('of a model without markers gives the whole window to the code before the hole', async () => {
    const tokenizer = await write(CASES.at(-1)!.definition);
    const facts = { modelType: 'llama', vocabularySize: 1000, endIds: [] };
    const limits = { maxPromptTokens: 2048, maxNewTokens: 50, contextTokens: 512 };
    const plain = promptFormat('prefix-only', tokenizer, facts);
    assert.deepEqual(promptBudget(limits, plain), { leftTokens: 1998, rightTokens: 0, contextTokens: 512 });
    // DeepSeek: 2048 - 50 - 4 = 1994; right floor(1994 / 3) = 664, left twice that
    const deepseek = await write(CASES.find(({ family }) => family === 'deepseek-coder')!.definition);
    const format = promptFormat('deepseek-coder', deepseek, {
      ...facts,
      vocabularySize: deepseek.vocabularySize,
    });
    assert.deepEqual(promptBudget(limits, format), {
      leftTokens: 1328,
      rightTokens: 664,
      contextTokens: 512,
    });
  });

  test('of a model without markers begins with what its own tokenizer begins with', async () => {
    const definition = sentencePieceDefinition({
      controls: ['<unk>', '<s>', '</s>'],
      prefixBlank: true,
      bos: '<s>',
    });
    const tokenizer = await write(definition);
    const facts = { modelType: 'llama', vocabularySize: tokenizer.vocabularySize, endIds: [] };
    const format = promptFormat('prefix-only', tokenizer, facts);
    assert.deepEqual(format.begin, [tokenizer.controlToken('<s>')]);
    assert.equal(format.startsWithBlank, true);
  });

  test('forced on a model that lacks its markers is refused by their names', async () => {
    const tokenizer = await write(CASES[0]!.definition);
    const facts = { modelType: 'qwen2', vocabularySize: 1000, endIds: [] };
    assert.throws(
      () => promptFormat('starcoder', tokenizer, facts),
      /has no <fim_prefix>, <fim_suffix>, <fim_middle>/,
    );
  });

  test('takes ends from both configurations, one or several, and none beyond the vocabulary', () => {
    writeFileSync(join(folder, 'config.json'), '{"model_type": "llama", "eos_token_id": 2}');
    writeFileSync(join(folder, 'generation_config.json'), '{"eos_token_id": [2, 7, 99]}');
    assert.deepEqual(readDecoderFacts(folder, 50), {
      modelType: 'llama',
      vocabularySize: 50,
      endIds: ids(2, 7),
    });
    writeFileSync(join(folder, 'generation_config.json'), '{"eos_token_id": "two"}');
    assert.throws(() => readDecoderFacts(folder, 50), ModelError);
    rmSync(join(folder, 'generation_config.json'));
    assert.deepEqual(readDecoderFacts(folder, 50).endIds, ids(2));
  });
});
