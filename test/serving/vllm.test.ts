import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { DeviceLostError, messageOf, ModelError } from '../../src/domain/errors.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import { firstToken, prefillText } from '../../src/generation/generate.js';
import type { DecoderStep } from '../../src/inference/decoder.js';
import type { ClientOptions } from '../../src/serving/client.js';
import { openVllm, type LocalFacts, type OpenVllm, type ServingNeeds } from '../../src/serving/open-vllm.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { fakeTokenizer } from '../support/fakes.js';
import { startFakeVllm, type FakeModel, type FakeVllm } from '../support/vllm-server.js';

/** Of the fake tokenizer: one id a UTF-16 unit from 100 on. These tests need those of ASCII. */
const V = 228;
const table = (width: number): Matrix =>
  matrixOf(
    V,
    width,
    Float32Array.from({ length: V * width }, (_, i) => Math.floor(i / width) + (i % width) / 8),
  );

/** The next id follows from the length and the last id: always a printable character. */
const MODEL: FakeModel = {
  table: table(2),
  next: (ids) => 200 + ((ids.length * 7 + ids.at(-1)!) % 26),
  decode: (ids) => fakeTokenizer.decode(ids.map(tokenId)),
};
const LOCAL: LocalFacts = {
  embeddings: MODEL.table,
  tableIdentity: 'table',
  maxPositions: 4096,
  tokenizer: fakeTokenizer,
};
const NEEDS: ServingNeeds = { softTokens: true, allowsPrefixCache: false };
const PROMPT = [150, 160, 170].map(tokenId);
/** 200 + (3 * 7 + 170) % 26 = 209; 200 + (4 * 7 + 209) % 26 = 203; 200 + (5 * 7 + 203) % 26 = 204. */
const GREEDY = [209, 203, 204];

/** Time passes where a server computes a prompt, and nowhere else. */
const clock = (): number => servers.reduce((sum, { computedMs }) => sum + computedMs(), 0);

let servers: FakeVllm[] = [];
let server: FakeVllm;
before(async () => {
  servers = [await startFakeVllm(MODEL), await startFakeVllm(MODEL)];
  server = servers[0]!;
});
after(async () => {
  for (const one of servers) await one.close();
});
let usual: FakeVllm['behaviour'][] = [];
beforeEach(() => {
  usual = servers.map(({ behaviour }) => ({ ...behaviour }));
});
afterEach(() => {
  servers.forEach(({ behaviour }, i) => Object.assign(behaviour, usual[i]));
});

const open = (
  more: { needs?: Partial<ServingNeeds>; local?: Partial<LocalFacts>; count?: number } & ClientOptions = {},
): Promise<OpenVllm> => {
  const { needs, local, count = 1, ...options } = more;
  const [first, ...rest] = servers.slice(0, count).map(({ url }) => ({ url, model: null }));
  return openVllm([first!, ...rest], { ...LOCAL, ...local }, { ...NEEDS, ...needs }, clock, options);
};

const tokensOf = async ({ decoder }: OpenVllm, first: DecoderStep, count: number): Promise<TokenId[]> => {
  const tokens = [first.token];
  let step = first;
  while (tokens.length < count) {
    step = await decoder.decode(step.token, step.cache);
    tokens.push(step.token);
  }
  step.cache.dispose();
  return tokens;
};

/** Waits for what happens on the other side of a connection. */
const until = async (isSo: () => boolean): Promise<void> => {
  const end = Date.now() + 5000;
  while (!isSo() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(isSo());
};

describe('a decoder that vLLM serves', () => {
  test('hands out what the server chooses, for a prompt of ids and for the same prompt as embeddings', async () => {
    const opened = await open();
    const { decoder } = opened;
    assert.deepEqual(await tokensOf(opened, await decoder.prefillIds(PROMPT), 3), GREEDY);
    assert.deepEqual(server.asked.at(-1)?.prompt, PROMPT);
    assert.deepEqual(await tokensOf(opened, await decoder.prefill(decoder.embed(PROMPT)), 3), GREEDY);
    assert.equal(server.asked.at(-1)?.prompt, undefined);
    const first = await prefillText(decoder, PROMPT);
    assert.equal(first.cache.length, 3);
    first.cache.dispose();
  });

  test('switches off whatever would change the greedy choice', async () => {
    const { decoder } = await open();
    await decoder.firstTokenOfIds(PROMPT);
    const { temperature, repetition_penalty, ignore_eos, max_tokens, add_special_tokens } =
      server.asked.at(-1)!;
    assert.deepEqual(
      [temperature, repetition_penalty, ignore_eos, max_tokens, add_special_tokens],
      [0, 1, true, 1, false],
    );
  });

  test('keeps soft tokens as they are: a row that is no token changes what follows', async () => {
    const { decoder } = await open();
    const inputs = decoder.embed(PROMPT);
    // A row that is no token's: the fake server takes it for the id 228 + 7000.
    inputs.data.set([7, 0.5], 4);
    // 200 + (3 * 7 + 7228) % 26 = 200 + 7249 % 26 = 200 + 21.
    assert.equal(await decoder.firstTokenOnly(inputs), 221);
  });

  test('goes on with nothing but what the server chose', async () => {
    const { decoder } = await open();
    const { cache } = await decoder.prefillIds(PROMPT);
    await assert.rejects(
      decoder.decode(tokenId(1), cache),
      /token 1 was to be decoded, but the server chose 209/,
    );
    cache.dispose();
    await assert.rejects(decoder.decode(tokenId(209), cache), /disposed or used/);
  });

  test('ends the request on the server when its cache is closed, and only then', async () => {
    const { decoder } = await open();
    const before = server.aborted();
    const step = await decoder.prefillIds(PROMPT);
    const { cache } = await decoder.decode(step.token, step.cache);
    step.cache.dispose();
    assert.equal(server.aborted(), before);
    cache.dispose();
    cache.dispose();
    await until(() => server.aborted() === before + 1);
  });

  test('ends the request also when the runtime has collected its object', async () => {
    const { decoder } = await open();
    const before = server.aborted();
    // Long enough to be open still when it is ended.
    const { cache } = await decoder.prefillIds(PROMPT);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise(setImmediate);
    }
    cache.dispose();
    await until(() => server.aborted() === before + 1);
  });

  test('is silent in the middle of a stream: the request fails after the time that it has', async () => {
    const opened = await open({ patienceMs: 300 });
    server.behaviour.fault = () => ({ kind: 'stuck', tokens: 2 });
    const step = await opened.decoder.prefillIds(PROMPT);
    await assert.rejects(tokensOf(opened, step, 3), /the server was silent for/);
  });

  test('runs several sequences at once', async () => {
    const opened = await open();
    const { decoder } = opened;
    assert.equal(decoder.concurrent, true);
    const prompts = [3, 4, 5, 6].map((length) => Array.from({ length }, (_, i) => tokenId(120 + i)));
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push(await tokensOf(opened, await decoder.prefillIds(prompt), 4));
    const together = await Promise.all(
      prompts.map(async (prompt) => tokensOf(opened, await decoder.prefillIds(prompt), 4)),
    );
    assert.deepEqual(together, alone);
  });

  test('spreads sequences over replicas', async () => {
    const { decoder } = await open({ count: 2 });
    const before = servers.map(({ asked }) => asked.length);
    const steps = await Promise.all([1, 2, 3, 4].map(() => decoder.prefillIds(PROMPT)));
    assert.deepEqual(
      servers.map(({ asked }, i) => asked.length - before[i]!),
      [2, 2],
    );
    for (const { cache } of steps) cache.dispose();
  });

  test('is timed alone: one short request passes behind what was ended, before the clock starts', async () => {
    const { decoder } = await open();
    const prompt = { ids: PROMPT, slots: [] };
    (await firstToken(decoder, prompt, null, clock)).step.cache.dispose();
    const before = server.asked.length;
    const { step, embedMs } = await firstToken(decoder, prompt, null, () => server.asked.length);
    // The clock counts requests: the short one came before its start, the prompt's own after it.
    assert.equal(embedMs, 0);
    assert.deepEqual(
      server.asked.slice(before).map(({ prompt: ids, max_tokens: most }) => [ids?.length, most]),
      [
        [1, 1],
        [3, 4093],
      ],
    );
    step.cache.dispose();
  });

  test('tells the likelihood of a text behind ids: of each id, and of whatever ends it', async () => {
    const { decoder } = await open();
    const step = await decoder.prefillIds(PROMPT);
    step.cache.dispose();
    const ids = [180, 181].map(tokenId);
    const logs = await decoder.logProbabilities({ ids, end: new Set([tokenId(1), tokenId(2)]) }, step);
    // The fake says -i / 8 at position i: the ids stand at 3 and 4. The two ends have -1 and -2.
    assert.deepEqual([...logs!].slice(0, 2), [-3 / 8, -4 / 8]);
    assert.ok(Math.abs(logs![2]! - Math.log(Math.exp(-1) + Math.exp(-2))) < 1e-12);
    assert.deepEqual([...(await decoder.logProbabilities({ ids, end: null }, step))!], [-3 / 8, -4 / 8]);
  });

  test('scores behind an open sequence while nothing else runs, and the sequence goes on afterwards', async () => {
    const opened = await open();
    const before = server.aborted();
    const step = await opened.decoder.prefillIds(PROMPT);
    await opened.decoder.logProbabilities({ ids: [tokenId(180)], end: null }, step);
    // A server that runs one sequence at a time answers the second request when the first has ended.
    await until(() => server.aborted() === before + 1);
    assert.deepEqual(await tokensOf(opened, step, 3), GREEDY);
    await until(() => server.aborted() === before + 2);
  });

  test('tells none behind embeddings, and has no scorer where the server tells none at all', async () => {
    const { decoder } = await open();
    const step = await decoder.prefill(decoder.embed(PROMPT));
    step.cache.dispose();
    assert.equal(await decoder.logProbabilities({ ids: PROMPT, end: null }, step), null);
    server.behaviour.tellsProbabilities = false;
    const silent = await open();
    assert.equal(silent.decoder.scorer, null);
    assert.match(silent.notes.join(), /tells no probabilities/);
  });

  test('refuses prompts that are empty, too long, too wide or beyond the vocabulary before anything is sent', async () => {
    const { decoder } = await open();
    const before = server.asked.length;
    await assert.rejects(decoder.prefillIds([]), /the prompt is empty/);
    await assert.rejects(decoder.prefillIds([tokenId(V)]), /token 228 is outside/);
    await assert.rejects(
      decoder.prefill(matrixOf(1, 3, new Float32Array(3))),
      /3 wide but the decoder is 2 wide/,
    );
    await assert.rejects(
      decoder.prefillIds(Array.from({ length: 4097 }, () => tokenId(1))),
      /4097 positions/,
    );
    assert.equal(server.asked.length, before);
  });

  test('is described by what the server says, and has the identity of that and the table', async () => {
    const one = await open();
    assert.deepEqual(one.facts, {
      ...{ engine: 'vllm', version: '0.32.0', model: 'fake', dtype: null, maxModelLength: 4096 },
      ...{ prefixCaching: false, promptEmbeddings: true },
      settings: { cache_dtype: 'auto', enable_prefix_caching: 'False' },
    });
    assert.equal((await open({ count: 2 })).decoder.identity, one.decoder.identity);
    server.behaviour.version = '0.33.0';
    assert.notEqual((await open()).decoder.identity, one.decoder.identity);
  });
});

describe('a server that is not fit is refused before a run', () => {
  const refused = async (opened: Promise<unknown>, ...problems: readonly RegExp[]): Promise<void> => {
    await assert.rejects(opened, (error: unknown) => {
      assert.ok(error instanceof ModelError, messageOf(error));
      for (const problem of problems) assert.match(error.render(), problem);
      return true;
    });
  };

  test('it is away', async () => {
    const gone = await startFakeVllm(MODEL);
    await gone.close();
    await assert.rejects(
      openVllm([{ url: gone.url, model: null }], LOCAL, NEEDS, clock),
      (error: unknown) =>
        error instanceof DeviceLostError &&
        /does not answer: .*ECONNREFUSED/.test(error.message) &&
        /start it/.test(error.render()),
    );
  });

  test('it is something else than vLLM, or has no such model', async () => {
    await refused(
      openVllm([{ url: `${server.url}/elsewhere`, model: null }], LOCAL, NEEDS, clock),
      /is no server of vLLM/,
    );
    await refused(
      openVllm([{ url: server.url, model: 'other' }], LOCAL, NEEDS, clock),
      /serves no model called other/,
      /it serves: fake/,
    );
  });

  test('it wants another key, and no message has the key', async () => {
    server.behaviour.apiKey = 'right-key';
    await assert.rejects(open({ apiKey: 'wrong-key' }), (error: unknown) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.render(), /VLLM_API_KEY/);
      assert.doesNotMatch(error.render(), /wrong-key|right-key/);
      return true;
    });
    assert.equal((await open({ apiKey: 'right-key' })).facts.model, 'fake');
  });

  test('it repeats the key in an error, and the message leaves it out', async () => {
    const { decoder } = await open({ apiKey: 'my-secret' });
    server.behaviour.fault = () => ({ kind: 'status', status: 400, body: '{"detail":"bad my-secret"}' });
    await assert.rejects(decoder.prefillIds(PROMPT), (error: unknown) => {
      assert.match(messageOf(error), /bad …/);
      return !messageOf(error).includes('my-secret');
    });
  });

  test('it serves another model: a token beyond the table, other words, or another table', async () => {
    const small = matrixOf(205, 2, MODEL.table.data.slice(0, 410));
    await refused(
      open({ local: { embeddings: small } }),
      /not the model of --decoder-files/,
      /the embedding table of the files has 205/,
    );
    const other = { ...fakeTokenizer, decode: () => 'else' };
    await refused(open({ local: { tokenizer: other } }), /by the tokenizer of the files/);
    // The same rows in another order.
    const turned = matrixOf(V, 2, MODEL.table.data.slice());
    turned.data.set(MODEL.table.data.subarray(200, 400), 202);
    await refused(
      open({ local: { embeddings: turned } }),
      /where the prompt is ids, and with .* where it is embeddings/,
    );
  });

  test('its embeddings have another width', async () => {
    await refused(
      open({ local: { embeddings: table(3) } }),
      /refuses embeddings that are 3 wide/,
      /hidden size 2, got 3/,
    );
  });

  test('it takes no embeddings: an error where soft tokens are sent, else a note', async () => {
    server.behaviour.takesEmbeddings = false;
    await refused(open(), /soft tokens have no ids/, /--enable-prompt-embeds/);
    const { decoder, facts, notes } = await open({ needs: { softTokens: false } });
    assert.deepEqual([decoder.takesEmbeddings, facts.promptEmbeddings], [false, false]);
    assert.match(notes.join(), /transport is not timed/);
  });

  test('it remembers prompts, as its metrics or its times show, unless that is accepted', async () => {
    server.behaviour.prefixCaching = true;
    await refused(open(), /remembers prompts/, /--no-enable-prefix-caching/, /--allow-prefix-cache/);
    server.behaviour.prefixCaching = null;
    Object.assign(server.behaviour, { remembers: true, prefillMs: 20 });
    await refused(open(), /remembers prompts/);
    const { facts, notes } = await open({ needs: { allowsPrefixCache: true } });
    assert.equal(facts.prefixCaching, true);
    assert.match(notes.join(), /is not computed again/);
  });

  test('two servers are no replicas of one model', async () => {
    servers[1]!.behaviour.version = '0.31.0';
    servers[1]!.behaviour.maxModelLength = 2048;
    await refused(
      open({ count: 2 }),
      /server 2 of 2 is not as server 1 of 2/,
      /version: 0\.32\.0 and 0\.31\.0/,
      /longest sequence: 4096 and 2048/,
    );
  });
});

describe('a server that fails during a run', () => {
  test('refuses one request: that one has failed', async () => {
    const opened = await open();
    server.behaviour.fault = ({ prompt }) =>
      prompt?.length === 3 ? { kind: 'status', status: 400, body: '{"error":{"message":"too long"}}' } : null;
    await assert.rejects(opened.decoder.prefillIds(PROMPT), (error: unknown) => {
      assert.ok(!(error instanceof DeviceLostError));
      assert.equal(messageOf(error), 'the server answered 400 Bad Request: too long');
      return true;
    });
    const longer = [...PROMPT, tokenId(150)];
    assert.equal((await tokensOf(opened, await opened.decoder.prefillIds(longer), 2)).length, 2);
  });

  test('breaks a connection or says an error in a stream, but is well: the request has failed', async () => {
    const opened = await open();
    for (const [fault, problem] of [
      [{ kind: 'reset' }, /^the connection to the server broke/],
      [{ kind: 'torn', tokens: 1, error: null }, /^the connection to the server broke/],
      [{ kind: 'torn', tokens: 1, error: 'out of memory' }, /^the server ended a stream with out of memory/],
      [{ kind: 'status', status: 500, body: 'no JSON' }, /^the server answered 500 .*: no JSON/],
    ] as const) {
      server.behaviour.fault = () => fault;
      await assert.rejects(
        (async () => tokensOf(opened, await opened.decoder.prefillIds(PROMPT), 3))(),
        (error: unknown) => {
          assert.ok(!(error instanceof DeviceLostError), messageOf(error));
          assert.match(messageOf(error), problem);
          // Records hold no address.
          assert.doesNotMatch(messageOf(error), /127\.0\.0\.1/);
          return true;
        },
      );
    }
  });

  test('closes a connection as a request arrives: the request is sent again', async () => {
    const { decoder } = await open();
    let resets = 0;
    server.behaviour.fault = () => (resets++ < 2 ? { kind: 'reset' } : null);
    assert.equal(await decoder.firstTokenOfIds(PROMPT), GREEDY[0]);
    assert.equal(resets, 3);
  });

  test('says that its engine is dead: the device is lost', async () => {
    const { decoder } = await open();
    Object.assign(server.behaviour, {
      fault: () => ({ kind: 'status', status: 500, body: '{"error":{"message":"EngineDeadError"}}' }),
      isHealthy: false,
    });
    await assert.rejects(
      decoder.prefillIds(PROMPT),
      (error: unknown) => error instanceof DeviceLostError && /EngineDeadError/.test(error.message),
    );
  });

  test('dies in the middle of a stream: the device is lost', async () => {
    const dying = await startFakeVllm(MODEL);
    const opened = await openVllm([{ url: dying.url, model: null }], LOCAL, NEEDS, clock);
    const step = await opened.decoder.prefillIds(PROMPT);
    await dying.close();
    await assert.rejects(
      tokensOf(opened, step, 3000),
      (error: unknown) => error instanceof DeviceLostError && /--resume/.test(error.render()),
    );
  });

  test('is silent: the request has failed after the time that it has', async () => {
    const { decoder } = await open({ patienceMs: 500 });
    server.behaviour.fault = () => ({ kind: 'silent' });
    await assert.rejects(decoder.prefillIds(PROMPT), /the server was silent for/);
  });
});
