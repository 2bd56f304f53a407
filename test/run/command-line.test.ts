import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { addRunFlags } from '../../src/cli/flags/run-flags.js';
import { runCommand } from '../../src/cli/flags/run-options.js';
import type { ComparisonRequest } from '../../src/comparison/request.js';
import { quoted, shardCommand } from '../../src/run/command-line.js';

describe('a command to paste', () => {
  test('quotes the words that a shell would change', () => {
    assert.equal(
      quoted(['a/b-c.d', 'top-k=1,3', 'x y', "it's", '', '$HOME', '*']),
      `a/b-c.d top-k=1,3 'x y' 'it'\\''s' '' '$HOME' '*'`,
    );
  });

  test('says every setting of a run as the command line takes it', () => {
    const given: Required<
      Omit<ComparisonRequest, 'topK' | 'compressionRatio' | 'retryFailed' | 'timing' | 'concurrency'>
    > = {
      model: 'nano',
      decoder: 'd',
      decoderFiles: 'df',
      allowPrefixCache: true,
      tokenizer: 't',
      device: 'cpu',
      dtype: 'fp16',
      threads: 2,
      requireDevice: true,
      maxNewTokens: 8,
      ttftRepeats: 3,
      seed: -1,
      out: 'first',
      dataset: 'my-records.jsonl',
      repos: 'my-repositories',
      format: 'cceval',
      language: 'python',
      limit: 'all',
      tasks: ['a/b', 'c'],
      skipInvalid: true,
      encoder: 'e',
      projector: 'p.safetensors',
      retrieverEncoder: 're',
      promptFamily: 'qwen2.5-coder',
      promptTemplate: 'template',
      softPrompt: 'constants.safetensors',
      encoderInput: 'plain',
      pipelines: ['no-context', 'compressed'],
      retrievers: ['bm25', 'jaccard+bm25'],
      retrievalProfile: 'cceval',
      metricProfile: 'lca',
      sweep: { topK: [1, 3], compressionRatio: [1, 2.5] },
      plugins: ['./mine.js', 'other/yours.js'],
      expand: 2,
      contextPlacement: 'after-suffix',
      maxPromptTokens: 300,
      contextTokens: 100,
      shard: { index: 1, count: 8 },
      resume: true,
      maxFailures: '5%',
      vectorCache: false,
      likelihood: false,
    } as const;
    // What failed is answered again once, not by whoever repeats the command.
    const line = shardCommand(
      { ...given, retryFailed: true },
      { shard: { index: 3, count: 8 }, out: 'other', resume: true },
    );
    const command = addRunFlags(new Command('run')).action(() => undefined);
    const flags = command.parse(line.split(' ').slice(2), { from: 'user' }).opts();
    assert.deepEqual(runCommand(flags, {}), {
      kind: 'comparison',
      request: { ...given, shard: { index: 3, count: 8 }, out: 'other' },
      output: {},
    });
  });

  test('says the settings of a run that is not timed', () => {
    const line = shardCommand({ timing: false, concurrency: 8 }, { shard: { index: 1, count: 2 }, out: 'r' });
    assert.equal(line, 'llava-eval run --no-timing --concurrency 8 --shard 1/2 --out r');
  });

  test('leaves out switches that are as by default, and the folder and shard of the first run', () => {
    const given = { requireDevice: false, vectorCache: true, shard: 'auto', out: 'r', resume: true };
    assert.equal(
      shardCommand({ ...given, topK: 3 }, { shard: { index: 3, count: 8 }, out: 'r/3' }),
      'llava-eval run --top-k 3 --shard 3/8 --out r/3',
    );
  });
});
