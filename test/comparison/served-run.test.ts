import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { examineServers } from '../../src/comparison/doctor-server.js';
import { quietSurroundings, type ComparisonEvent } from '../../src/comparison/events.js';
import { measureLatencies } from '../../src/comparison/measure-latencies.js';
import { runComparison, type ComparisonOutcome } from '../../src/comparison/run-comparison.js';
import type { ComparisonRequest } from '../../src/comparison/request.js';
import { DeviceLostError, UsageError } from '../../src/domain/errors.js';
import { tokenId } from '../../src/domain/units.js';
import { readEmbeddingTable } from '../../src/model/embedding-table.js';
import { collectRecords } from '../../src/run/journal.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { startFakeVllm, type FakeModel, type FakeVllm } from '../support/vllm-server.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const KEY = 'a-key-that-nobody-may-read';

let folder = '';
let bundle = '';
let model: FakeModel;
let server: FakeVllm;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-served-'));
  bundle = join(folder, 'bundle');
  writeTinyBundle(bundle);
  const tokenizer = await loadTokenizer(join(bundle, 'decoder'));
  const letters = tokenizer.encode('abcdefghijklm');
  const { rows } = await readEmbeddingTable(join(bundle, 'decoder'));
  model = {
    table: rows,
    next: (ids) => letters[(ids.length * 5 + ids.at(-1)!) % letters.length]!,
    decode: (ids) => tokenizer.decode(ids.map(tokenId)),
  };
  server = await startFakeVllm(model);
  server.behaviour.apiKey = KEY;
  process.env.VLLM_API_KEY = KEY;
});
after(async () => {
  delete process.env.VLLM_API_KEY;
  await server.close();
  await rm(folder, { recursive: true });
});

const request = (out: string, url = server.url): ComparisonRequest => ({
  ...{ dataset: 'tiny', model: bundle, device: 'cpu', limit: 2, out: join(folder, out) },
  ...{ decoder: `vllm:${url}`, decoderFiles: join(bundle, 'decoder') },
  ...{ projector: join(bundle, 'projector.safetensors'), promptFamily: 'qwen2.5-coder' },
  ...{ pipelines: ['no-context', 'full-rag', 'compressed'], retrievers: ['bm25'] },
  ...{ maxNewTokens: 4, maxPromptTokens: 120, contextTokens: 60 },
});

const finished = (outcome: ComparisonOutcome): Extract<ComparisonOutcome, { kind: 'finished' }> => {
  assert.equal(outcome.kind, 'finished');
  return outcome;
};

/** All files of a folder, as text. */
async function textsIn(path: string): Promise<string> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

describe('a run on a decoder that a server runs', () => {
  let run: Extract<ComparisonOutcome, { kind: 'finished' }>;
  before(async () => {
    run = finished(await runComparison(request('whole'), quietSurroundings()));
  });

  test('answers every task with all three pipelines', () => {
    assert.deepEqual(
      run.summary.rows.map(({ pipeline, tasks }) => [pipeline, tasks.scored]),
      [
        ['no-context', 2],
        ['full-rag', 2],
        ['compressed', 2],
      ],
    );
  });

  test('sends text as ids and soft tokens as embeddings, and likelihood has ids alone', async () => {
    const records = await collectRecords(join(run.folder, 'journal.jsonl'));
    for (const record of records) {
      assert.ok(record.status === 'scored');
      assert.equal(record.likelihood === undefined, record.pipeline === 'compressed', record.pipeline);
      assert.equal(record.generatedTokens, 4);
      // Text is timed in both forms.
      assert.equal(record.timing?.embedded === undefined, record.pipeline === 'compressed', record.pipeline);
    }
    assert.ok(server.asked.some(({ prompt_embeds: embeds }) => embeds !== undefined));
  });

  test('records what the server says, and counts what it counted', () => {
    const { spec, deviceProof, resources } = run.run;
    assert.equal(spec.device, 'vllm');
    assert.deepEqual(spec.server, {
      ...{ engine: 'vllm', version: '0.32.0', model: 'fake', dtype: null, maxModelLength: 4096 },
      ...{ prefixCaching: false, promptEmbeddings: true },
      settings: { cache_dtype: 'auto', enable_prefix_caching: 'False' },
      encoders: { device: 'cpu', dtype: 'fp32' },
    });
    assert.equal(deviceProof?.source, 'server');
    // The fake server counts a quarter of a second for each request.
    assert.equal(resources?.server?.firstTokenMs, 250);
  });

  test('writes neither the address nor the key into any file', async () => {
    const texts = await textsIn(run.folder);
    assert.ok(texts.includes('vllm:URL'));
    assert.ok(!texts.includes(new URL(server.url).host));
    assert.ok(!texts.includes(KEY));
    assert.deepEqual(
      [...server.keys].filter((key) => key !== undefined),
      [`Bearer ${KEY}`],
    );
  });

  test('has the fingerprint of the server, not of its address, and is refused on another version', async () => {
    const other = await startFakeVllm(model);
    try {
      const again = { ...request('whole', other.url), resume: true };
      assert.equal(finished(await runComparison(again, quietSurroundings())).wasFinished, true);
      other.behaviour.version = '0.33.0';
      await assert.rejects(
        runComparison(again, quietSurroundings()),
        (error: unknown) => error instanceof UsageError && /server\.version/.test(error.render()),
      );
    } finally {
      await other.close();
    }
  });

  test('records a request that is refused as a failed record, and answers it again when asked to', async () => {
    let refusals = 0;
    server.behaviour.fault = ({ max_tokens: most, prompt_embeds: embeds }) =>
      embeds !== undefined && most > 16 && refusals++ < 1
        ? { kind: 'status', status: 500, body: '{"error":{"message":"out of memory"}}' }
        : null;
    const first = finished(await runComparison(request('refused'), quietSurroundings()));
    server.behaviour.fault = () => null;
    const failed = (await collectRecords(join(first.folder, 'journal.jsonl'))).filter(
      (record) => record.status === 'failed',
    );
    assert.deepEqual(
      failed.map(({ error }) => [error.stage, error.message]),
      [['prefill', 'the server answered 500 Internal Server Error: out of memory']],
    );
    const again = { ...request('refused'), resume: true, retryFailed: true };
    const mended = finished(await runComparison(again, quietSurroundings()));
    assert.ok(mended.summary.rows.every(({ tasks }) => tasks.scored === 2));
  });

  test('ends when the server dies, keeps what was recorded, and goes on when it is back', async () => {
    const dying = await startFakeVllm(model);
    let records = 0;
    const onEvent = (event: ComparisonEvent): void => {
      // The records of the first task are told of together, when all three are there.
      if (event.kind === 'advanced' && event.steps === 1 && ++records === 3) void dying.close();
    };
    await assert.rejects(
      runComparison(request('died', dying.url), { ...quietSurroundings(), onEvent }),
      (error: unknown) => error instanceof DeviceLostError,
    );
    const kept = (await collectRecords(join(folder, 'died', 'journal.jsonl'))).length;
    assert.equal(kept, 3);
    const back = await startFakeVllm(model);
    try {
      const again = { ...request('died', back.url), resume: true };
      const { summary } = finished(await runComparison(again, quietSurroundings()));
      assert.ok(summary.rows.every(({ tasks }) => tasks.scored === 2));
    } finally {
      await back.close();
    }
  });

  test('is refused where something of the request makes no sense', async () => {
    const { decoderFiles, ...withoutFiles } = request('refused-request');
    assert.ok(decoderFiles !== undefined);
    for (const [wrong, problem] of [
      [withoutFiles, /needs --decoder-files/],
      [{ ...request('x'), decoder: bundle }, /--decoder-files only with a decoder behind a server/],
      [{ ...request('x'), requireDevice: true }, /--require-device/],
    ] as const) {
      await assert.rejects(
        runComparison(wrong, quietSurroundings()),
        (error: unknown) => error instanceof UsageError && problem.test(error.message),
      );
    }
  });
});

describe('other commands on a decoder that a server runs', () => {
  test('--latency-only times it, and its folder has no address', async () => {
    const { decoder, decoderFiles } = request('latency');
    const outcome = await measureLatencies(
      {
        ...{ decoder: decoder!, decoderFiles: decoderFiles!, out: join(folder, 'latency') },
        promptLengths: [{ fullRag: 40, compressed: 30, noContext: 20 }],
        ...{ softTokens: 4, ttftRepeats: 2, maxNewTokens: 3, device: 'cpu' },
      },
      quietSurroundings(),
    );
    assert.equal(outcome.kind, 'finished');
    assert.equal(outcome.run.spec.server?.model, 'fake');
    assert.equal(outcome.run.decoder.name, 'fake on vLLM 0.32.0');
    const texts = await textsIn(outcome.folder);
    assert.ok(!texts.includes(new URL(server.url).host) && !texts.includes(KEY));
  });

  test('doctor says what the server can do, and what is missing', async () => {
    const asked = { decoder: `vllm:${server.url}`, decoderFiles: join(bundle, 'decoder') };
    const clock = (): number => performance.now();
    const fit = await examineServers(asked, clock);
    assert.deepEqual(
      fit.map(({ name, isUsable }) => [name, isUsable]),
      ['vllm', 'model', 'soft', 'nats', 'fresh'].map((name) => [name, true]),
    );
    server.behaviour.takesEmbeddings = false;
    const without = await examineServers(asked, clock);
    server.behaviour.takesEmbeddings = true;
    const soft = without.find(({ name }) => name === 'soft');
    assert.deepEqual(soft?.hints, ['start vLLM with --enable-prompt-embeds']);
    const [away] = await examineServers(
      { decoder: 'vllm:http://127.0.0.1:1', decoderFiles: undefined },
      clock,
    );
    assert.equal(away?.isUsable, false);
  });
});
