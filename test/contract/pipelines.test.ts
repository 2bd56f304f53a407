/**
 * What every pipeline promises, whichever it is.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import type { CompletionTask } from '../../src/domain/task.js';
import { makePipeline, makePipelines, PIPELINE_FACTORIES } from '../../src/pipelines/all.js';
import type { Compressor } from '../../src/pipelines/compressor.js';
import { kindOf, PIPELINES, showsSoftPrompt, type PipelineName } from '../../src/pipelines/kinds.js';
import type { Continuation } from '../../src/inference/decoder.js';
import type { PipelineResources, PreparedPrompt } from '../../src/pipelines/pipeline.js';
import { CONTEXT_PLACEMENTS, type ContextPlacement } from '../../src/prompt/assemble.js';
import { bareBlock, crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import {
  FakeDecoder,
  fakeEncoder,
  fakeFormat,
  fakeTask,
  fakeTokenizer,
  tickingClock,
  wideProjector,
} from '../support/fakes.js';

/** Soft tokens a chunk. */
const K = 3;
const BUDGET = { leftTokens: 40, rightTokens: 20, contextTokens: 150 };

const compressor: Compressor = {
  ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, normalize: true, tokensPerChunk: K },
  template: unixcoderTemplate(fakeTokenizer, 64),
  projector: wideProjector(K),
};

/** Finds everything equally surprising. */
class ScoringDecoder extends FakeDecoder {
  override readonly scorer = {
    logProbabilities: ({ ids }: Continuation) => Promise.resolve(new Float64Array(ids.length + 1).fill(-1)),
  };
}

const resources = (placement: ContextPlacement = 'before-prefix'): PipelineResources => ({
  setting: {
    ...{ tokenizer: fakeTokenizer, format: fakeFormat, budget: BUDGET, placement },
    clock: tickingClock(),
  },
  seed: 5,
  softPrompt: null,
  tokensPerChunk: K,
  compressionRatio: null,
  expandedChunks: 1,
  wordCounts: () => () => ({ chunks: 3, of: () => 1 }),
  compressor: () => compressor,
  decoder: () => new ScoringDecoder('answer'),
});

/** Longer than the budgets on both sides, so that the cut is part of the promise. */
const TASK = fakeTask('r/1', `${'p'.repeat(60)}const a = `, 'answer', `;${'s'.repeat(60)}`);
const CHUNKS: readonly ScoredChunk[] = [
  '  export function total() {\n    return 1;\n  }',
  'let price = 2;',
  'class Cart {}',
].map((text, i) => ({ path: `src/c${i}.ts`, startLine: 1, endLine: 3, text, score: -i }));

const prepare = (
  name: PipelineName,
  chunks: readonly ScoredChunk[] = CHUNKS,
  from: PipelineResources = resources(),
  task: CompletionTask = TASK,
): Promise<PreparedPrompt> => makePipeline(name, from).prepare(task, chunks);

/** What a prompt is, without what it took to make it. */
const content = ({ prompt, soft, text, inFile }: PreparedPrompt) => ({ prompt, soft, text, inFile });

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}

test('every row has a factory, and every factory a row', () => {
  assert.deepEqual(Object.keys(PIPELINE_FACTORIES).sort(), [...PIPELINES].sort());
  assert.deepEqual([...makePipelines(PIPELINES, resources()).keys()], PIPELINES);
});

for (const name of PIPELINES) {
  describe(`the pipeline ${name}`, () => {
    const { needs, shows } = kindOf(name);

    test('has the name it is listed under', () => {
      assert.equal(PIPELINE_FACTORIES[name](resources()).name, name);
    });

    test('keeps the code around the hole as no-context has it, and adds what it counts and no more', async () => {
      for (const placement of CONTEXT_PLACEMENTS) {
        const bare = await prepare('no-context', [], resources(placement));
        const made = await prepare(name, CHUNKS, resources(placement));
        assert.deepEqual(made.inFile, bare.inFile);
        assert.equal(bare.inFile.left.length, BUDGET.leftTokens);
        assert.equal(bare.inFile.right.length, BUDGET.rightTokens);
        const added = made.text.tokens + made.prompt.slots.length;
        assert.equal(made.prompt.ids.length, bare.prompt.ids.length + added);
      }
    });

    test('keeps to its budget', async () => {
      for (const n of [1, 2, 3]) {
        const { text, prompt } = await prepare(name, CHUNKS.slice(0, n));
        const soft = n * K;
        switch (needs.softTokens) {
          case 'none':
            assert.ok(text.tokens <= BUDGET.contextTokens, String(text.tokens));
            break;
          case 'length':
            assert.ok(text.tokens <= soft, String(text.tokens));
            break;
          case 'vectors':
            assert.ok(text.tokens <= BUDGET.contextTokens, String(text.tokens));
            if (needs.retrieval) assert.ok(prompt.slots.length <= soft, String(prompt.slots.length));
        }
      }
    });

    test('has a soft token for each slot, in the width of the decoder, and none where it shows none', async () => {
      const { prompt, soft } = await prepare(name);
      assert.equal(soft === null, !shows.includes('soft-tokens'));
      assert.equal(prompt.slots.length, soft?.rows ?? 0);
      if (soft !== null) assert.equal(soft.cols, 2);
      assert.ok(prompt.slots.every((slot, i) => slot > (prompt.slots[i - 1] ?? -1)));
      assert.ok(prompt.slots.every((slot) => prompt.ids[slot] === fakeFormat.placeholder));
    });

    test('shows what its row says, and a page can put it together again', async () => {
      const { prompt, text } = await prepare(name);
      const spelled = fakeTokenizer.decode(prompt.ids);
      const blocks = {
        'commented-text': crossFileBlock(CHUNKS, TASK.language),
        'bare-text': bareBlock(CHUNKS),
        'own-text': text.own ?? '',
      };
      const forms = shows.filter((form) => form !== 'soft-tokens');
      assert.equal(text.tokens > 0, forms.length > 0);
      assert.equal(text.own !== undefined, shows.includes('own-text'));
      for (const form of forms) {
        const shown = blocks[form].slice(0, text.characters);
        assert.ok(shown.length > 0 && spelled.includes(shown), form);
      }
    });

    if (needs.retrieval) {
      test('gives the prompt without context where nothing was retrieved', async () => {
        const [empty, bare] = [await prepare(name, []), await prepare('no-context', [])];
        assert.deepEqual(empty.prompt, bare.prompt);
        assert.equal(empty.soft?.rows ?? 0, 0);
        assert.deepEqual([empty.text.tokens, empty.text.characters], [0, 0]);
      });

      test('shows something of what was retrieved', async () => {
        assert.notDeepEqual((await prepare(name)).prompt, (await prepare(name, [])).prompt);
      });
    } else {
      test('is the same whatever was retrieved', async () => {
        assert.deepEqual(content(await prepare(name)), content(await prepare(name, [])));
      });
    }

    test('gives the same prompt for the same inputs, from one pipeline and from two', async () => {
      const pipeline = PIPELINE_FACTORIES[name](resources());
      const first = content(await pipeline.prepare(TASK, CHUNKS));
      await pipeline.prepare(fakeTask('r/2', 'other', 'answer', ''), CHUNKS.slice(1));
      assert.deepEqual(content(await pipeline.prepare(TASK, CHUNKS)), first);
      assert.deepEqual(content(await prepare(name)), first);
    });

    test('changes neither the task nor the chunks', async () => {
      const [task, chunks] = [structuredClone(TASK), structuredClone(CHUNKS)];
      await prepare(name, frozen(structuredClone(CHUNKS)), resources(), frozen(structuredClone(TASK)));
      await prepare(name, chunks, resources(), task);
      assert.deepEqual([task, chunks], [TASK, CHUNKS]);
    });

    test('takes what its row says it needs and nothing else', async () => {
      const taken = new Set<string>();
      const watched: PipelineResources = {
        ...resources(),
        get tokensPerChunk() {
          taken.add('length');
          return K;
        },
        compressor: () => {
          taken.add('vectors');
          return compressor;
        },
      };
      await prepare(name, CHUNKS, watched);
      assert.equal(taken.has('vectors'), needs.softTokens === 'vectors');
      if (needs.softTokens === 'length') assert.ok(taken.has('length'));
      if (needs.softTokens === 'none') assert.ok(!taken.has('length'));
    });

    test('shows the constant prompt of the run beside its context, or never does, and changes nothing else', async () => {
      const constants = matrixOf(2, 2, Float32Array.of(91, 92, 93, 94));
      for (const placement of CONTEXT_PLACEMENTS) {
        const plain = await makePipelines([name], resources(placement)).get(name)!.prepare(TASK, CHUNKS);
        const with2 = { ...resources(placement), softPrompt: constants };
        const made = await makePipelines([name], with2).get(name)!.prepare(TASK, CHUNKS);
        if (!showsSoftPrompt(name)) {
          assert.deepEqual(content(made), content(plain));
          continue;
        }
        const added = made.prompt.slots.filter((_, row) => {
          const first = made.soft!.data[row * 2]!;
          return first === 91 || first === 93;
        });
        assert.equal(added.length, 2);
        // In front of everything before the code, and right before the middle marker behind it.
        const [from] = plain.prompt.context;
        const at = placement === 'before-prefix' ? from : made.prompt.ids.length - 3;
        assert.deepEqual(added, [at, at + 1]);
        const left = made.prompt.ids.filter((_, t) => !added.includes(t));
        assert.deepEqual(left, plain.prompt.ids);
        assert.equal(made.soft!.rows, 2 + (plain.soft?.rows ?? 0));
        assert.deepEqual([made.text, made.inFile], [plain.text, plain.inFile]);
      }
    });

    test('measures its stages: no time where nothing is encoded or projected', async () => {
      const { tokenizeMs, encodeMs, projectMs } = await prepare(name);
      assert.ok(tokenizeMs > 0);
      if (needs.softTokens !== 'vectors') assert.deepEqual([encodeMs, projectMs], [0, 0]);
    });
  });
}
