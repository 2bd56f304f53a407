import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

import type { RetrievedChunk } from '../../src/domain/chunk.js';
import { taskId, type CompletionTask } from '../../src/domain/task.js';
import { tokenId } from '../../src/domain/units.js';
import { LLAVACODE } from '../../src/metrics/llavacode.js';
import { readBundle } from '../../src/model/folder/bundle.js';
import { fullRagPipeline } from '../../src/pipelines/full-rag.js';
import type { PromptSetting } from '../../src/pipelines/in-file.js';
import { noContextPipeline } from '../../src/pipelines/no-context.js';
import { promptBudget } from '../../src/prompt/budget.js';
import { crossFileBlock } from '../../src/prompt/cross-file-block.js';
import { encoderInput, encoderTemplate } from '../../src/prompt/encoder-input.js';
import { promptFormat } from '../../src/prompt/fim.js';
import { encodeHead } from '../../src/prompt/truncate.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { askingOf, retrievalProfile } from '../../src/retrieval/profile.js';
import { queryText } from '../../src/retrieval/corpus/query.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { retrieverOver } from '../support/retrieval.js';

const chunk = z.tuple([z.string(), z.string()]);
const scoredChunk = z.tuple([z.string(), z.string(), z.number()]);
const ids = z.array(z.number());

/** Made by test/golden/make-recipe.py with the modules of models/llavacode-nano/recipe. */
const golden = z
  .strictObject({
    words: z.array(z.tuple([z.string(), z.array(z.string())])).min(1),
    files: z.array(chunk).min(1),
    retrieval: z
      .array(
        z.strictObject({
          path: z.string(),
          left: z.string(),
          middle: z.string(),
          right: z.string(),
          query: z.string(),
          shown: z.array(scoredChunk),
          shownOf1: z.number(),
          shownOf3: z.number(),
        }),
      )
      .min(1),
    blocks: z.array(z.strictObject({ chunks: z.array(chunk), text: z.string() })).min(1),
    scores: z.array(z.tuple([z.string(), z.string(), z.number(), z.number()])).min(1),
    settings: z.array(
      z.strictObject({
        max_prompt_tokens: z.number(),
        max_new_tokens: z.number(),
        left_right_ratio: z.literal(2),
        context_tokens: z.number(),
      }),
    ),
    prompts: z
      .array(
        z.strictObject({
          setting: z.number(),
          left: z.string(),
          right: z.string(),
          chunks: z.array(chunk),
          beforePrefix: ids,
          afterSuffix: ids.nullable(),
          contextTokens: z.number(),
        }),
      )
      .min(1),
    encoderInputs: z.array(z.strictObject({ text: z.string(), limit: z.number(), ids })).min(1),
  })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL('../golden/recipe.json', import.meta.url)), 'utf8')));

const bundle = readBundle(fileURLToPath(new URL('../../models/llavacode-nano', import.meta.url)));

const chunksOf = (chunks: readonly (readonly [string, string])[]): RetrievedChunk[] =>
  chunks.map(([path, text]) => ({ path, text, startLine: null, endLine: null, score: null }));

describe('the recipe and the program retrieve the same', () => {
  const files = golden.files.map(([path, text]) => ({ path, text }));
  const asking = askingOf(retrievalProfile('repoformer'), 'last-n', false)!;
  const retriever = retrieverOver(files, 'jaccard');
  const tasks = golden.retrieval.map(({ path, left, middle, right, ...rest }) => ({
    task: { path, prefix: left, reference: middle, suffix: right },
    ...rest,
  }));

  test('the words of a text', () => {
    for (const [text, words] of golden.words) assert.deepEqual(lexicalTokens(text), words, text);
  });

  test('the query of a hole', () => {
    for (const { task, query } of tasks) assert.equal(queryText(task, asking.query, null), query);
  });

  test('the chunks of a hole, their order and their scores, bit for bit', async () => {
    for (const { task, shown, shownOf1, shownOf3 } of tasks) {
      const rows = async (k: number) =>
        (await retriever.retrieve(task, k)).map(({ path, text, score }) => [path, text, score]);
      assert.deepEqual(await rows(10), shown, task.path);
      assert.deepEqual(await rows(3), shown.slice(0, shownOf3), task.path);
      assert.deepEqual(await rows(1), shown.slice(0, shownOf1), task.path);
    }
  });

  test('of cases that hold ties, repeated texts and empty files', () => {
    const shown = tasks.map((one) => one.shown);
    const hasTie = shown.some((rows) => rows.some((row, i) => row[2] === rows[i + 1]?.[2]));
    assert.ok(hasTie, 'two chunks of one hole have equal scores');
    // Of ten matches fewer are shown where two of them show the same text.
    assert.ok(shown.some((rows) => rows.length < 10));
    assert.ok(files.some(({ text }) => text === ''));
  });
});

describe('the recipe and the program show the same', () => {
  test('the cross-file block', () => {
    for (const { chunks, text } of golden.blocks)
      assert.equal(crossFileBlock(chunksOf(chunks), 'typescript'), text);
  });

  test('the ids of a prompt, cut to its budget, with context and without', async () => {
    const tokenizer = await loadTokenizer(bundle.decoder.path);
    const { vocab_size: vocabularySize } = z
      .looseObject({ vocab_size: z.number() })
      .parse(JSON.parse(readFileSync(join(bundle.decoder.path, 'config.json'), 'utf8')));
    const format = promptFormat(bundle.decoder.promptFamily, tokenizer, {
      modelType: 'qwen2',
      vocabularySize,
      endIds: [tokenId(vocabularySize - 9)],
    });
    let cut = 0;
    for (const { setting: number, left, right, chunks, contextTokens, ...expected } of golden.prompts) {
      const limits = golden.settings[number]!;
      const budget = promptBudget(
        {
          maxPromptTokens: limits.max_prompt_tokens,
          maxNewTokens: limits.max_new_tokens,
          contextTokens: limits.context_tokens,
        },
        format,
      );
      const setting = (placement: PromptSetting['placement']): PromptSetting => ({
        ...{ tokenizer, format, budget, placement, clock: () => 0 },
      });
      const task: CompletionTask = {
        ...{ id: taskId('r/1'), repository: 'r', path: 'a.ts', language: 'typescript' },
        ...{ prefix: left, reference: '', suffix: right, crossFile: null },
      };
      const shown = chunksOf(chunks);
      const { prompt, inFile } = await fullRagPipeline({ setting: setting('before-prefix') }).prepare(
        task,
        shown,
      );
      assert.deepEqual(prompt.ids, expected.beforePrefix);
      const without = await noContextPipeline({ setting: setting('before-prefix') }).prepare(task, shown);
      assert.deepEqual(without.prompt.ids, expected.beforePrefix.slice(contextTokens));
      if (expected.afterSuffix !== null) {
        const behind = await fullRagPipeline({ setting: setting('after-suffix') }).prepare(task, shown);
        assert.deepEqual(behind.prompt.ids, expected.afterSuffix);
      }
      if (inFile.left.length === budget.leftTokens && inFile.right.length === budget.rightTokens) cut++;
    }
    assert.ok(cut >= 5, `${cut} prompts fill their budgets on both sides`);
  });

  test('what the encoder reads of a chunk', async () => {
    const tokenizer = await loadTokenizer(join(bundle.dir, 'encoder'));
    for (const { text, limit, ids: expected } of golden.encoderInputs) {
      const template = encoderTemplate(bundle.encoder.input, tokenizer, limit);
      assert.deepEqual(encoderInput(template, encodeHead(tokenizer, text, limit)), expected, text);
    }
  });
});

describe('the recipe and the program score the same', () => {
  test('exact match and edit similarity, bit for bit', () => {
    const profile = LLAVACODE.open(null);
    for (const [prediction, reference, exactMatch, editSimilarity] of golden.scores) {
      const task = { reference, prefix: '', language: 'typescript' } as const;
      assert.deepEqual(
        profile.scoreCompared(profile.compared(prediction, task), task),
        { exactMatch, editSimilarity },
        JSON.stringify([prediction, reference]),
      );
    }
  });
});
