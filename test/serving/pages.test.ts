import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { UsageError } from '../../src/domain/errors.js';
import { isServed, parseServers, withoutAddresses } from '../../src/serving/address.js';
import { eventData } from '../../src/serving/event-stream.js';
import { infoOf, parseMetrics, serverTimes, totalOf } from '../../src/serving/metrics.js';

describe('the address of a server', () => {
  test('is taken apart: host and path without /v1, and the model behind "#"', () => {
    assert.deepEqual(parseServers('vllm:http://a:8000/v1/,https://b/x#org%2Fname'), [
      { url: 'http://a:8000', model: null },
      { url: 'https://b/x', model: 'org/name' },
    ]);
  });

  test('is refused if it is none, holds a login or parameters, or stands there twice', () => {
    for (const [text, problem] of [
      ['vllm:', /"" is not the address/],
      ['vllm:localhost:8000', /"localhost:8000" is not the address/],
      ['vllm:http://me:secret@a', /the address of a holds a login/],
      ['vllm:http://a?key=1', /parameters behind/],
      ['vllm:http://a,http://a/v1', /http:\/\/a stands there twice/],
    ] as const) {
      assert.throws(
        () => parseServers(text),
        (error: unknown) =>
          error instanceof UsageError && problem.test(error.message) && !error.render().includes('secret'),
      );
    }
  });

  test('is written as a placeholder; other decoders keep their names', () => {
    assert.equal(withoutAddresses('vllm:http://a:8000,http://b#m'), 'vllm:URL,URL');
    assert.equal(withoutAddresses('owner/name'), 'owner/name');
    assert.deepEqual([isServed('vllm:http://a'), isServed('./vllm')], [true, false]);
  });
});

describe('the metrics of a server', () => {
  const page = [
    '# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig',
    'vllm:cache_config_info{cache_dtype="auto",enable_prefix_caching="True",engine="0"} 1.0',
    'vllm:time_to_first_token_seconds_sum{engine="0",model_name="a,b{}"} 1.5',
    'vllm:time_to_first_token_seconds_sum{engine="1",model_name="a"} 0.5',
    'vllm:time_to_first_token_seconds_count{engine="0",model_name="a"} 4.0',
    'vllm:request_queue_time_seconds_sum{engine="0"} 0.25',
    'process_start_time_seconds 1.7e+09',
    'not a sample',
  ].join('\n');

  test('are read with their labels, and added up over engines', () => {
    const samples = parseMetrics(page);
    assert.equal(samples.length, 6);
    assert.equal(infoOf(samples, 'vllm:cache_config_info')?.get('enable_prefix_caching'), 'True');
    assert.equal(totalOf(samples, 'process_start_time_seconds'), 1.7e9);
    assert.deepEqual(serverTimes(samples), {
      ...{ requests: 4, firstTokenSeconds: 2, queueSeconds: 0.25, prefillSeconds: null },
    });
  });

  test('are null where the server has none', () => {
    assert.equal(serverTimes(parseMetrics('')), null);
  });
});

describe('a stream of events', () => {
  const collect = async (...parts: readonly string[]): Promise<string[]> => {
    async function* body(): AsyncGenerator<Uint8Array> {
      for (const part of parts) yield await Promise.resolve(Buffer.from(part, 'latin1'));
    }
    const found: string[] = [];
    for await (const data of eventData(body())) found.push(data);
    return found;
  };

  test('is cut at its events, wherever the network cuts it, and ends at [DONE]', async () => {
    assert.deepEqual(
      await collect('data: {"a"', ':1}\r\n\r\n: ping\n\ndata: 2\n', '\ndata: [DONE]\n\ndata: 3\n\n'),
      ['{"a":1}', '2'],
    );
  });

  test('keeps a character whole that the network cuts', async () => {
    // "é" is the bytes c3 a9.
    assert.deepEqual(await collect('data: \u00c3', '\u00a9\n\n'), ['é']);
  });
});
