import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import { budgetRagPipeline } from '../../src/pipelines/budget-rag.js';
import { compressedPipeline } from '../../src/pipelines/compressed.js';
import type { Compressor } from '../../src/pipelines/compressor.js';
import { fullRagPipeline } from '../../src/pipelines/full-rag.js';
import type { PromptSetting } from '../../src/pipelines/in-file.js';
import { CONTEXT_PLACEMENTS, type ContextPlacement } from '../../src/prompt/assemble.js';
import { bareBlock, crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import { createRng } from '../../src/tensor/rng.js';
import {
  fakeEncoder,
  fakeTask,
  fakeTokenizer,
  tickingClock,
  fakeFormat,
  wideProjector,
} from '../support/fakes.js';

const setting = (placement: ContextPlacement, contextTokens: number): PromptSetting => ({
  tokenizer: fakeTokenizer,
  format: fakeFormat,
  budget: { leftTokens: 40, rightTokens: 20, contextTokens },
  placement,
  clock: tickingClock(),
});

const compressorOf = (tokensPerChunk: number): Compressor => ({
  encoder: fakeEncoder,
  tokenizer: fakeTokenizer,
  template: unixcoderTemplate(fakeTokenizer, 64),
  normalize: true,
  projector: wideProjector(tokensPerChunk),
  tokensPerChunk,
});

const chunksOf = (...texts: string[]): ScoredChunk[] =>
  texts.map((text, i) => ({ path: `c${i}.ts`, startLine: 1, endLine: 1, text, score: -i }));

describe('budget-rag', () => {
  test('has the prompt length of compressed for the same chunks, whatever the budget of full-rag', async () => {
    const rng = createRng(11);
    // At least as many tokens as k is large: a chunk of less text makes the prompt shorter.
    const words = ['xyz', 'let a = 1;', '  if (b) {\n    c();\n  }', '\treturn d;', 'été', '});'];
    for (let round = 0; round < 300; round++) {
      const texts = Array.from({ length: rng.int(12) }, () => words[rng.int(words.length)]!);
      const task = fakeTask('r/1', 'p'.repeat(rng.int(60)), 'answer', 's'.repeat(rng.int(40)));
      for (const placement of CONTEXT_PLACEMENTS) {
        const from = setting(placement, 1 + rng.int(5));
        const k = 1 + rng.int(3);
        const budget = await budgetRagPipeline({
          setting: from,
          tokensPerChunk: k,
          compressionRatio: null,
        }).prepare(task, chunksOf(...texts));
        const soft = await compressedPipeline({ setting: from, compressor: () => compressorOf(k) }).prepare(
          task,
          chunksOf(...texts),
        );
        assert.equal(budget.prompt.ids.length, soft.prompt.ids.length);
        // Text stands exactly where the soft tokens would, and nothing else differs.
        const differing = soft.prompt.ids.flatMap((id, t) => (id === budget.prompt.ids[t] ? [] : [t]));
        assert.deepEqual(differing, soft.prompt.slots);
        assert.deepEqual([budget.prompt.slots, budget.soft], [[], null]);
      }
    }
  });

  test('is shorter, never longer, where the chunks have less text than that', async () => {
    const task = fakeTask('r/1', 'p', 'answer', 's');
    const from = setting('before-prefix', 100);
    // Three chunks of no text at all are three line ends; a fourth token does not exist.
    const tokenizer = {
      ...fakeTokenizer,
      encode: (text: string) => fakeTokenizer.encode(text.replaceAll('\n', '')),
    };
    const budget = await budgetRagPipeline({
      setting: { ...from, tokenizer },
      tokensPerChunk: 1,
      compressionRatio: null,
    }).prepare(task, chunksOf('a', 'b', ''));
    assert.deepEqual(budget.text, { tokens: 2, characters: 2 });
  });

  test('says how much of its block it shows, as full-rag does', async () => {
    const task = fakeTask('r/1', 'p', 'answer', 's');
    const from = setting('before-prefix', 30);
    const chunks = chunksOf('  let a;', 'let b;', 'let c;');
    const budget = await budgetRagPipeline({
      setting: from,
      tokensPerChunk: 1,
      compressionRatio: null,
    }).prepare(task, chunks);
    assert.equal(bareBlock(chunks).slice(0, budget.text.characters), 'let');
    const full = await fullRagPipeline({ setting: from }).prepare(task, chunks);
    assert.equal(
      crossFileBlock(chunks, 'typescript').slice(0, full.text.characters),
      '// Here are some relevant code',
    );
    // With the fake tokenizer, a token a character.
    assert.deepEqual([budget.text.tokens, full.text.tokens], [3, 30]);
  });
});
