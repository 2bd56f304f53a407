/**
 * What a pipeline, a retriever or a metric profile of a plug-in does wrong becomes one error that names the plug-in, and
 * in a run one failed record.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { metricProfile } from '../../src/metrics/registry.js';
import { scoreCompletion } from '../../src/metrics/profile.js';
import { makePipeline } from '../../src/pipelines/all.js';
import type { PipelineResources, PreparedPrompt } from '../../src/pipelines/pipeline.js';
import { loadPlugins } from '../../src/plugins/load.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import { configurations } from '../../src/run/configurations.js';
import { execute } from '../../src/run/execute.js';
import type { TaskRecord } from '../../src/run/record.js';
import {
  FakeDecoder,
  fakeEncoder,
  fakeFormat,
  fakeProjector,
  fakeTask,
  fakeTokenizer,
  tickingClock,
} from '../support/fakes.js';
import { retrieverOver, taskIn } from '../support/retrieval.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-guards-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const pipeline = (name: string, prepare: string, more = ''): string =>
  `{ defines: 'llava-eval/pipeline@1', name: '${name}', title: 'a test', prepare: ${prepare}, ${more} }`;
const SOFT = `shows: ['soft-tokens']`;

const PIPELINES = [
  pipeline('fine', `(task, chunks) => chunks.map(({ text }) => ({ kind: 'text', text: text + '\\n' }))`),
  pipeline('throws', `() => { throw new Error('no luck'); }`),
  pipeline('rejects', `async () => { throw new Error('no luck later'); }`),
  pipeline('no-parts', `() => 'text'`),
  pipeline('odd-part', `() => [{ kind: 'text', text: 7 }]`),
  pipeline(
    'nan',
    `() => [{ kind: 'vectors', vectors: [Float32Array.of(1, 2), Float32Array.of(3, NaN)] }]`,
    SOFT,
  ),
  pipeline('wide', `() => [{ kind: 'vectors', vectors: [[1, 2, 3]] }]`, SOFT),
  pipeline('unannounced', `() => [{ kind: 'vectors', vectors: [[1, 2]] }]`),
  pipeline('changes-task', `(task) => { task.prefix = ''; return []; }`),
  pipeline('changes-chunks', `(task, chunks) => { chunks.sort(); chunks[0].text = ''; return []; }`),
  pipeline('reads-answer', `(task) => [{ kind: 'text', text: String(task.reference) }]`),
  pipeline('long', `() => [{ kind: 'vectors', vectors: Array.from({ length: 500 }, () => [0, 0]) }]`, SOFT),
  pipeline('over-budget', `() => [{ kind: 'text', text: 'x'.repeat(900) }]`),
  pipeline('soft-without-need', `async (t, chunks, tools) => { await tools.softTokens(chunks); return []; }`),
  pipeline(
    'soft',
    `async (t, chunks, tools) => [{ kind: 'vectors', vectors: await tools.softTokens(chunks) }]`,
    `needs: { softTokens: 'vectors' }`,
  ),
];

let path = '';
before(async () => {
  path = join(folder, 'guarded.mjs');
  writeFileSync(
    path,
    `export default [${PIPELINES.join(',\n')},
  { defines: 'llava-eval/retriever@1', name: 'few-scores', title: 't', index: () => () => [1] },
  { defines: 'llava-eval/retriever@1', name: 'nan-scores', title: 't',
    index: (chunks) => () => chunks.map(() => NaN) },
  { defines: 'llava-eval/retriever@1', name: 'by-length', title: 't',
    index: async (chunks) => async () => chunks.map(({ text }) => text.length) },
  { defines: 'llava-eval/metric-profile@1', name: 'too-good', version: 1, rule: 'r',
    compared: (completion) => completion, score: () => ({ exactMatch: 2 }) },
];`,
  );
  await loadPlugins([path]);
});

const BUDGET = { leftTokens: 40, rightTokens: 20, contextTokens: 30 };
const TASK = fakeTask('r/1', 'const a = ', 'answer', ';');
const CHUNKS = ['one', 'three'].map((text, i) => ({
  ...{ path: `c${i}.ts`, startLine: 1, endLine: 1, text, score: -i },
}));

const decoder = new FakeDecoder('answer', 400);
const resources: PipelineResources = {
  setting: {
    ...{ tokenizer: fakeTokenizer, format: fakeFormat, budget: BUDGET, placement: 'before-prefix' },
    clock: tickingClock(),
  },
  ...{ seed: 1, softPrompt: null, tokensPerChunk: 1, compressionRatio: null, expandedChunks: 0 },
  wordCounts: () => () => ({ chunks: 0, of: () => 0 }),
  compressor: () => ({
    ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, normalize: false, tokensPerChunk: 1 },
    ...{ template: unixcoderTemplate(fakeTokenizer, 64), projector: fakeProjector },
  }),
  decoder: () => decoder,
};

const prepare = (name: string): Promise<PreparedPrompt> =>
  makePipeline(name, resources).prepare(TASK, CHUNKS);

async function messageFrom(name: string): Promise<string> {
  try {
    await prepare(name);
  } catch (error) {
    assert.ok(error instanceof Error);
    const start = `plug-in ${path}: pipeline ${name}: `;
    assert.equal(error.message.slice(0, start.length), start);
    return error.message.slice(start.length);
  }
  return assert.fail('it did not fail');
}

describe('a pipeline of a plug-in', () => {
  test('shows its text, which records hold, and its time is tokenizing', async () => {
    const { text, soft, tokenizeMs, encodeMs } = await prepare('fine');
    assert.deepEqual(text, { tokens: 10, characters: 10, own: 'one\nthree\n' });
    assert.equal(soft, null);
    assert.ok(tokenizeMs > 0 && encodeMs === 0);
  });

  test('shows soft tokens of the run’s encoder and projector, whose times are stages of their own', async () => {
    const { soft, prompt, encodeMs, projectMs } = await prepare('soft');
    assert.deepEqual([soft!.rows, soft!.cols, prompt.slots.length], [2, 2, 2]);
    assert.ok(encodeMs > 0 && projectMs > 0);
  });

  const wrong: readonly (readonly [name: string, pattern: RegExp])[] = [
    ['throws', /^no luck$/],
    ['rejects', /^no luck later$/],
    ['no-parts', /^prepare returned what is no list of parts: /],
    ['odd-part', /^prepare\.0\.text returned what is no list of parts: /],
    ['nan', /^vector 1 holds NaN$/],
    ['wide', /^vectors are 3 wide, and the decoder is 2 wide$/],
    ['unannounced', /returned vectors, and its row does not say that it shows soft tokens$/],
    ['changes-task', /read only property 'prefix'/],
    ['changes-chunks', /read only property/],
    ['soft-without-need', /asks for soft tokens, and its row does not say that it needs vectors$/],
  ];
  for (const [name, pattern] of wrong) {
    test(`that ${name.replaceAll('-', ' ')} fails under its name`, async () => {
      assert.match(await messageFrom(name), pattern);
    });
  }

  test('cannot change what others are given', () => {
    assert.equal(TASK.prefix, 'const a = ');
    assert.deepEqual(
      CHUNKS.map(({ text }) => text),
      ['one', 'three'],
    );
  });

  test('does not see the answer', async () => {
    assert.equal((await prepare('reads-answer')).text.own, 'undefined');
  });

  test('has its text cut to the budget', async () => {
    assert.equal((await prepare('over-budget')).text.tokens, BUDGET.contextTokens);
  });

  test('fails in records of its own, one a task, while the others go on; one too long is skipped', async () => {
    const records: TaskRecord[] = [];
    const pipelines = ['fine', 'throws', 'nan', 'long'];
    const names = { pipelines, retrievers: ['bm25'], topK: [2] };
    await execute(
      {
        ...{ tasks: [TASK], configurations: configurations(names), maxNewTokens: 8, seed: 0 },
        timing: { kind: 'timed', ttftRepeats: 1 },
      },
      {
        ...{ decoder, tokenizer: fakeTokenizer, format: fakeFormat, clock: tickingClock() },
        ...{ metrics: metricProfile('llavacode', null), likelihood: null, lender: null },
        pipelines: new Map(pipelines.map((name) => [name, makePipeline(name, resources)])),
        retriever: () => ({ retrieve: () => Promise.resolve(CHUNKS) }),
      },
      {
        recorded: { has: () => false },
        onTask: () => Promise.resolve(),
        onRecord: (record) => {
          records.push(record);
          return Promise.resolve();
        },
        isCancelled: () => false,
      },
    );
    assert.deepEqual(
      records.map((record) => [record.pipeline, record.status]),
      [
        ['fine', 'scored'],
        ['throws', 'failed'],
        ['nan', 'failed'],
        ['long', 'skipped'],
      ],
    );
    const [, thrown, , long] = records;
    assert.ok(thrown?.status === 'failed' && thrown.error.stage === 'prepare');
    assert.ok(thrown.error.message.endsWith('pipeline throws: no luck'));
    assert.ok(long?.status === 'skipped' && long.reason === 'prompt-too-long');
  });
});

describe('a retriever of a plug-in', () => {
  const files = [
    { path: 'src/a.ts', text: 'const a = 1;\n' },
    { path: 'src/b.ts', text: 'const longer = 12345;\n' },
  ];

  test('ranks by its scores', async () => {
    const found = await retrieverOver(files, 'by-length', { query: 'oracle' }).retrieve(
      taskIn('src/t.ts', 'a'),
      2,
    );
    assert.deepEqual(
      found.map(({ path: from }) => from),
      ['src/b.ts', 'src/a.ts'],
    );
  });

  for (const [name, pattern] of [
    ['few-scores', /retriever few-scores: 1 scores for 2 chunks/],
    ['nan-scores', /retriever nan-scores: the score of chunk 0 is NaN/],
  ] as const) {
    test(`with ${name.replace('-', ' ')} fails under its name`, async () => {
      await assert.rejects(retrieverOver(files, name).retrieve(taskIn('src/t.ts', 'a'), 2), pattern);
    });
  }
});

test('a metric profile of a plug-in whose score is none fails under its name', () => {
  const task = { prefix: '', reference: 'a', language: 'typescript' } as const;
  assert.throws(
    () => scoreCompletion(metricProfile('too-good', null), 'a', task),
    /guarded\.mjs: metric profile too-good: score returned exactMatch: /,
  );
});
