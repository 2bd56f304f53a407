import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { describe, test } from 'node:test';
import { comparisonSettings } from '../../src/comparison/settings.js';
import type { ComparisonRequest } from '../../src/comparison/request.js';
import { UsageError } from '../../src/domain/errors.js';
import { RETRIEVAL_PROFILES, retrievalProfile } from '../../src/retrieval/profile.js';

const topKOf = (profile: (typeof RETRIEVAL_PROFILES)[number], request = {}): readonly number[] =>
  comparisonSettings(request, retrievalProfile(profile)).axes.topK;

describe('the settings of a comparison', () => {
  test('take as many chunks as the retrieval profile gives, where none is asked for', () => {
    // docs/retrieval.md: 10, but 5 for CrossCodeEval.
    assert.deepEqual(
      RETRIEVAL_PROFILES.map((name) => [name, topKOf(name)]),
      [
        ['repoformer', [10]],
        ['cceval', [5]],
        ['cceval-shipped', [5]],
        ['repocoder', [10]],
        ['global', [10]],
      ],
    );
    assert.deepEqual(topKOf('cceval', { topK: 10 }), [10]);
  });

  test('refuse more chunks than the harness of the profile ever returns, in a sweep too', () => {
    const refusal = (error: unknown): boolean =>
      error instanceof UsageError &&
      /--top-k 21: the retrieval profile repocoder keeps at most 20/.test(error.message);
    assert.deepEqual(topKOf('repocoder', { topK: 20 }), [20]);
    assert.throws(() => topKOf('repocoder', { topK: 21 }), refusal);
    assert.throws(() => topKOf('repocoder', { sweep: { topK: [1, 21] } }), refusal);
  });

  test('refuse more threads than four for each processor, with the reason', () => {
    const threadsOf = (threads: number): number =>
      comparisonSettings({ threads }, retrievalProfile('repoformer')).device.threads;
    const most = 4 * availableParallelism();
    assert.equal(threadsOf(most), most);
    assert.throws(
      () => threadsOf(most + 1),
      (error: unknown) =>
        error instanceof UsageError &&
        new RegExp(`^--threads ${most + 1}: .* at most ${most} threads are taken$`).test(error.message) &&
        /unusable/.test(error.hints.join(' ')),
    );
  });

  test('say how a run is timed, and refuse what does not go with it', () => {
    const timingOf = (request: ComparisonRequest) =>
      comparisonSettings(request, retrievalProfile('repoformer')).answers.timing;
    assert.deepEqual(timingOf({}), { kind: 'timed', ttftRepeats: 1 });
    assert.deepEqual(timingOf({ timing: true, ttftRepeats: 3 }), { kind: 'timed', ttftRepeats: 3 });
    assert.deepEqual(timingOf({ timing: false }), { kind: 'not-timed', tasksAtOnce: 1 });
    assert.deepEqual(timingOf({ timing: false, concurrency: 8 }), { kind: 'not-timed', tasksAtOnce: 8 });
    const refused = (request: ComparisonRequest, message: RegExp): void => {
      assert.throws(
        () => timingOf(request),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    };
    refused({ timing: false, ttftRepeats: 1 }, /^--ttft-repeats 1 does not go with --no-timing$/);
    refused({ concurrency: 8 }, /^--concurrency 8 goes only with --no-timing$/);
  });

  test('sort a sweep and run each top-k once', () => {
    assert.deepEqual(topKOf('repoformer', { sweep: { topK: [5, 1, 5] } }), [1, 5]);
  });

  test('ask for no retriever where no pipeline retrieves', () => {
    const { axes, needs } = comparisonSettings(
      { pipelines: ['no-context'], retrievers: ['bm25'] },
      retrievalProfile('repoformer'),
    );
    assert.deepEqual(axes, { pipelines: ['no-context'], retrievers: [], topK: [] });
    assert.deepEqual(needs, { compression: false, softLength: false, embedder: false });
  });

  test('refuse a prompt family together with a template', () => {
    const form = (request: object): unknown => {
      const { promptFamily, promptTemplate } = comparisonSettings(
        request,
        retrievalProfile('repoformer'),
      ).models;
      return [promptFamily, promptTemplate];
    };
    assert.deepEqual(form({ promptFamily: 'mellum' }), ['mellum', undefined]);
    assert.deepEqual(form({ promptTemplate: '{prefix}' }), [undefined, '{prefix}']);
    assert.throws(() => form({ promptFamily: 'mellum', promptTemplate: '{prefix}' }), UsageError);
  });

  test('sample the default benchmark, and run everything else whole', () => {
    const limitOf = (request: object): number | 'all' =>
      comparisonSettings(request, retrievalProfile('repoformer')).tasks.limit;
    assert.equal(limitOf({}), 80);
    assert.equal(limitOf({ limit: 'all' }), 'all');
    assert.equal(limitOf({ tasks: ['a'] }), 'all');
    assert.equal(limitOf({ dataset: 'tiny' }), 'all');
    assert.equal(limitOf({ dataset: 'records.jsonl' }), 'all');
  });
});
