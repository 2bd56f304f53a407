import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CompletionTask } from '../../src/domain/task.js';
import { tokenId } from '../../src/domain/units.js';
import type { Continuation, DecoderStep } from '../../src/inference/decoder.js';
import { expandedPipeline } from '../../src/pipelines/expanded.js';
import { identifiersRagPipeline } from '../../src/pipelines/identifiers-rag.js';
import { textBudget, type PipelineResources } from '../../src/pipelines/pipeline.js';
import { prunedRagPipeline } from '../../src/pipelines/pruned-rag.js';
import { signaturesRagPipeline } from '../../src/pipelines/signatures-rag.js';
import { crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import {
  FakeDecoder,
  fakeEncoder,
  fakeFormat,
  fakeProjector,
  fakeTask,
  fakeTokenizer,
  tickingClock,
} from '../support/fakes.js';

const BUDGET = { leftTokens: 40, rightTokens: 20, contextTokens: 120 };

function resources(changed: Partial<PipelineResources> = {}): PipelineResources {
  return {
    setting: {
      ...{ tokenizer: fakeTokenizer, format: fakeFormat, budget: BUDGET, placement: 'before-prefix' },
      clock: tickingClock(),
    },
    ...{ seed: 1, softPrompt: null, tokensPerChunk: 1, compressionRatio: 1, expandedChunks: 1 },
    wordCounts: () => () => ({ chunks: 0, of: () => 0 }),
    compressor: () => ({
      ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, normalize: false, tokensPerChunk: 1 },
      ...{ template: unixcoderTemplate(fakeTokenizer, 64), projector: fakeProjector },
    }),
    decoder: () => new FakeDecoder(''),
    ...changed,
  };
}

const TASK = fakeTask('r/1', 'const cart = ', 'answer', ';');
const chunksOf = (...texts: readonly string[]) =>
  texts.map((text, i) => ({ path: `c${i}.ts`, startLine: 1, endLine: 3, text, score: -i }));

test('the text budget is the length of soft tokens, or the cross-file budget divided by the ratio', () => {
  // 10 chunks of 3 soft tokens; 120 / 8 = 15; 120 / 7 = 17.1; 120 / 500 is less than a token.
  const budget = (compressionRatio: number | null): number =>
    textBudget(resources({ compressionRatio, tokensPerChunk: 3 }), 10);
  assert.deepEqual([budget(null), budget(8), budget(7), budget(500)], [30, 15, 17, 1]);
});

describe('signatures-rag', () => {
  test('shows each declaration once, best chunk first, cut to the budget', async () => {
    const chunks = chunksOf(
      'export function b(): void {\n  a();\n}',
      'type A = 1;\nexport function b(): void {\n}',
    );
    const { text } = await signaturesRagPipeline(resources()).prepare(TASK, chunks);
    assert.equal(text.own, 'export function b(): void\ntype A = 1;\n');
    const short = await signaturesRagPipeline(resources({ compressionRatio: 12 })).prepare(TASK, chunks);
    assert.equal(short.text.own, 'export fun');
  });

  test('cannot answer a task in a language whose declarations it does not know', async () => {
    const task: CompletionTask = { ...TASK, language: 'ruby' };
    await assert.rejects(
      signaturesRagPipeline(resources()).prepare(task, chunksOf('a')),
      /no declarations of ruby/,
    );
  });
});

describe('identifiers-rag', () => {
  test('ranks names by the chunks that have them, the ranks of those, and their rarity', async () => {
    // Of 8 chunks, `price` is in 8 and the others in 1. ln(1 + 8/8) = 0.69, ln(1 + 8/1) = 2.20.
    // total: 1 + 1/2 = 1.5, worth 3.30. route: 1, worth 2.20. price: 1 + 1/2, worth 1.04. queue: 1/2, worth 1.10.
    // `cart` stands before the hole, `const` is a keyword, and `to` is short.
    const counts = { chunks: 8, of: (word: string) => (word === 'price' ? 8 : 1) };
    const chunks = chunksOf('const cart = price(total, route, to)', 'queue(total, price)');
    const from = resources({ wordCounts: () => () => counts });
    const { text } = await identifiersRagPipeline(from).prepare(TASK, chunks);
    assert.equal(text.own, '// total, route, queue, price\n');
  });

  test('shows whole names as long as they fit, the line break counted', async () => {
    // 120 / 8 = 15 tokens of one character: "// alphabet" has 11, ", it" is too short a name, ", abc" fits no more
    // beside the line break: 11 + 5 + 1 = 17.
    const chunks = chunksOf('alphabet abc');
    const { text } = await identifiersRagPipeline(resources({ compressionRatio: 8 })).prepare(TASK, chunks);
    assert.equal(text.own, '// alphabet\n');
  });
});

describe('expanded', () => {
  test('shows the first M chunks as text and the others as soft tokens behind it', async () => {
    const chunks = chunksOf('one', 'second', 'third one');
    for (const expandedChunks of [0, 1, 3, 9]) {
      const from = resources({
        expandedChunks,
        setting: { ...resources().setting, budget: { ...BUDGET, contextTokens: 500 } },
      });
      const { text, soft, prompt } = await expandedPipeline(from).prepare(TASK, chunks);
      const block = crossFileBlock(chunks.slice(0, expandedChunks), 'typescript');
      assert.equal(text.own, block);
      const left = Math.max(0, 3 - expandedChunks);
      assert.deepEqual([soft!.rows, prompt.slots.length], [left, left]);
      assert.deepEqual(
        prompt.slots,
        Array.from({ length: left }, (_, i) => block.length + i),
      );
    }
  });
});

describe('pruned-rag', () => {
  /** Finds the code before the hole less surprising by 1 nat for each `x` of what stands before it. */
  class LineJudge extends FakeDecoder {
    override readonly scorer = {
      logProbabilities: ({ ids }: Continuation, after: DecoderStep) => {
        assert.ok(after.cache.length > 0);
        const prompt = this.prompts.at(-1)!;
        const read = Array.from({ length: prompt.rows }, (_, r) => tokenId(prompt.data[2 * r]!));
        const found = fakeTokenizer.decode(read).split('x').length - 1;
        return Promise.resolve(Float64Array.from([...ids, 0], () => (found - 50) / ids.length));
      },
    };
  }

  test('keeps the lines that help most as long as they fit, in the order of their files', async () => {
    // Worth: "a" 0, "xx;" 2, "x;" 1, "xxx;" 3. 120 / 12 = 10 tokens, line breaks counted: "xxx;" takes 5, "xx;" 4, and
    // then 1 is left, which no line fits. In file order "xx;" comes before "xxx;".
    const judge = new LineJudge('');
    const chunks = chunksOf('a\n  xx;\n\n', 'x;\nxxx;');
    const from = resources({ compressionRatio: 12, decoder: () => judge });
    const { text, modelMs } = await prunedRagPipeline(from).prepare(TASK, chunks);
    assert.equal(text.own, 'xx;\nxxx;\n');
    // One call for the line break, and one for each of four lines.
    assert.equal(judge.prompts.length, 5);
    assert.ok(modelMs! > 0);
    assert.equal(judge.openCaches, 0);
  });

  test('cuts the best line where none fits', async () => {
    const from = resources({ compressionRatio: 40, decoder: () => new LineJudge('') });
    const { text } = await prunedRagPipeline(from).prepare(TASK, chunksOf('abcdef', 'xbcdef'));
    assert.equal(text.own, 'xbc');
  });
});
