import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { UserError } from '../../src/domain/errors.js';
import { inspectModel, type ModelDescription } from '../../src/inspection/inspect.js';
import type { HubSettings } from '../../src/hub/settings.js';
import { HubServer, sha256 } from '../support/hub-server.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const COMMIT = 'feed'.padEnd(40, '0');
const folder = mkdtempSync(join(tmpdir(), 'inspect-'));
const cache = mkdtempSync(join(tmpdir(), 'inspect-cache-'));
let server: HubServer;
let files: Record<string, Uint8Array>;

before(async () => {
  server = await HubServer.start();
  writeTinyBundle(folder);
  files = Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path)]),
  );
});
after(async () => {
  await server.stop();
  for (const path of [folder, cache]) rmSync(path, { recursive: true });
});
beforeEach(() => {
  server.repositories.clear();
  server.repositories.set('own/bundle', { refs: { main: COMMIT }, files });
  server.requests.length = 0;
});

function inspect(reference: string, positions = 100): Promise<ModelDescription> {
  const settings: HubSettings = {
    endpoint: server.endpoint,
    cacheDir: cache,
    token: null,
    isOffline: false,
    timeoutMs: 5000,
  };
  return inspectModel(reference, { settings, positions, wait: () => Promise.resolve() });
}

describe('looking at a model', () => {
  test('reads of its weights the header alone', async () => {
    const weights = files['decoder/model.safetensors']!;
    const description = await inspect('own/bundle/decoder');
    assert.equal(description.role, 'decoder');
    assert.equal(description.problem, null);
    const headerBytes = Number(Buffer.from(weights).readBigUInt64LE(0));
    const ranges = server.requests
      .filter(({ path }) => path.includes(sha256(weights)))
      .map(({ range }) => range);
    assert.deepEqual(ranges, ['bytes=0-7', `bytes=0-${7 + headerBytes}`]);
    assert.equal(description.files?.missingBytes, weights.length);
  });

  test('counts parameters, context and memory from configuration and header', async () => {
    const { facts, numbers, memory } = await inspect('own/bundle/decoder');
    // Width C = 32, 2 layers, feed-forward 64, keys and values 16 wide, V tokens. A layer: 2 norms of 32; queries
    // and output 32 x 32, keys and values 16 x 32, biases 32 + 16 + 16; 3 matrices of 64 x 32. Then the table and a norm.
    const V = Number(facts['vocabulary']);
    const layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + (32 + 16 + 16) + 3 * 64 * 32;
    assert.equal(facts['parameters'], 2 * layer + V * 32 + 32);
    assert.deepEqual(numbers, { F32: facts['parameters'] });
    assert.deepEqual(
      [facts['layers'], facts['width'], facts['context'], facts['prompt family']],
      [2, 32, 2048, 'qwen2.5-coder'],
    );
    const fp32 = memory.find(({ dtype }) => dtype === 'fp32')!;
    // Old and new cache of 100 positions, keys and values, 2 layers, 1 head of 16, 4 bytes.
    assert.equal(fp32.cache, 2 * 100 * 2 * 2 * 16 * 4);
    assert.equal(fp32.total, fp32.weights + fp32.cache);
    assert.ok(fp32.fits);
    const size = (dtype: string): number => memory.find((one) => one.dtype === dtype)!.weights;
    assert.ok(size('fp32') > size('int8') && size('int8') > size('int4') && size('fp32') > size('fp16'));
  });

  test('says in which order prompts show their parts, and where the order may be another', async () => {
    const { facts } = await inspect('own/bundle/decoder');
    assert.deepEqual([facts['prompt order'], facts['prompt note']], ['prefix, suffix, middle', undefined]);
    // The same weights as a llama model with StarCoder's markers.
    const decoder = Object.fromEntries(
      Object.entries(files).flatMap(([path, bytes]) =>
        path.startsWith('decoder/') ? [[path.slice('decoder/'.length), bytes]] : [],
      ),
    );
    const tokenizer = Buffer.from(decoder['tokenizer.json']!)
      .toString()
      .replaceAll(/<\|(fim_prefix|fim_suffix|fim_middle|fim_pad)\|>/g, '<$1>');
    const config = JSON.parse(Buffer.from(decoder['config.json']!).toString()) as Record<string, unknown>;
    server.repositories.set('own/llama', {
      refs: { main: COMMIT },
      files: {
        ...decoder,
        'tokenizer.json': Buffer.from(tokenizer),
        'config.json': Buffer.from(JSON.stringify({ ...config, model_type: 'llama' })),
      },
    });
    const { facts: llama } = await inspect('own/llama');
    assert.equal(llama['prompt family'], 'starcoder');
    assert.match(String(llama['prompt note']), /suffix first[^]*--prompt-family mellum/);
  });

  test('of a bundle shows its parts, and a projector is read whole', async () => {
    const { role, facts, parts } = await inspect('own/bundle');
    assert.deepEqual([role, facts['soft tokens a chunk']], ['bundle', 1]);
    assert.deepEqual(
      parts.map((part) => [part.role, part.problem]),
      [
        ['decoder', null],
        ['encoder', null],
        ['projector', null],
      ],
    );
    const [, encoder, projector] = parts;
    assert.deepEqual([encoder!.facts['pooling'], encoder!.facts['input']], ['mean', 'unixcoder']);
    assert.deepEqual(
      [projector!.facts['depth'], projector!.facts['from encoder width'], projector!.facts['to width']],
      ['3L', 24, 32],
    );
  });

  test('that cannot run here says why, with what is known of it', async () => {
    const config = JSON.parse(Buffer.from(files['decoder/config.json']!).toString()) as object;
    const other = Buffer.from(JSON.stringify({ ...config, model_type: 'mamba' }));
    server.repositories.set('own/other', {
      refs: { main: COMMIT },
      files: { ...files, 'decoder/config.json': other },
    });
    const { problem, facts, numbers } = await inspect('own/other/decoder');
    assert.match(problem!, /mamba/);
    assert.equal(facts['model type'], 'mamba');
    assert.ok(numbers['F32']! > 0);
  });

  test('on this machine gives the same numbers', async () => {
    const [there, here] = [await inspect('own/bundle/decoder'), await inspect(join(folder, 'decoder'))];
    assert.deepEqual([here.facts, here.numbers, here.memory], [there.facts, there.numbers, there.memory]);
    assert.equal(here.files?.missingBytes, 0);
  });

  test('that is not there is refused', async () => {
    await assert.rejects(inspect('own/nothing'), UserError);
    await assert.rejects(inspect('nothing'), /model nothing: not found/);
  });
});

describe('looking at a GGUF file', () => {
  const golden = (name: string): string => fileURLToPath(new URL(`../golden/gguf/${name}`, import.meta.url));

  test('of the hub reads its header alone, and says what it is, how large and whether it fits', async () => {
    const bytes = readFileSync(golden('decoder.gguf'));
    // Padded, as if its tensors were a hundred times as large: the header is found in the first piece.
    const padded = Buffer.concat([bytes, Buffer.alloc(20_000_000)]);
    server.repositories.set('own/gguf', { refs: { main: COMMIT }, files: { 'decoder.gguf': padded } });
    const { role, problem, facts, numbers, memory, files } = await inspect('own/gguf/decoder.gguf');
    assert.deepEqual([role, problem], ['decoder', null]);
    assert.deepEqual(
      [facts['format'], facts['model type'], facts['layers'], facts['width'], facts['prompt family']],
      ['GGUF', 'qwen2', 2, 64, 'qwen2.5-coder'],
    );
    // Width C = 64, feed-forward F = 96, keys and values 32 wide, 714 tokens, two layers, two tables.
    const layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + (64 + 32 + 32) + 3 * 96 * 64;
    assert.equal(facts['parameters'], 2 * layer + 2 * 714 * 64 + 64);
    // F16 is the feed-forward network's up; F32 are norms and biases.
    assert.equal(numbers['F16'], 2 * 96 * 64);
    assert.equal(numbers['F32'], 2 * (2 * 64 + 128) + 64);
    assert.equal(
      Object.values(numbers).reduce((sum, count) => sum + count, 0),
      facts['parameters'],
    );
    assert.ok(memory.every(({ fits, weights }) => fits && weights > 0));
    assert.equal(files?.count, 1);
    const read = server.requests.filter(({ path }) => path.includes(sha256(padded)));
    assert.deepEqual(
      read.map(({ range }) => range),
      ['bytes=0-1048575'],
    );
  });

  test('in parts counts the tensors of all', async () => {
    const { facts, problem, files } = await inspect(golden('llama3-sharded-bf16-00003-of-00003.gguf'));
    assert.equal(problem, null);
    assert.equal(facts['format'], 'GGUF in 3 files');
    assert.equal(files?.count, 3);
    assert.match(String(facts['tokenizer']), /give one with --tokenizer/);
  });

  test('that cannot be run says why, and what it is all the same', async () => {
    const { facts, numbers, problem } = await inspect(golden('types.gguf'));
    assert.equal(facts['model type'], 'qwen2');
    assert.equal(numbers['Q6_K'], 1024);
    assert.match(problem!, /block_count/);
  });
});
