import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { Continuation, ContinuationScorer, DecoderStep } from '../../src/inference/decoder.js';
import { referenceEndOf } from '../../src/generation/reference-end.js';
import { referenceOf, type ReferenceSetting } from '../../src/generation/reference.js';
import { metricProfile } from '../../src/metrics/registry.js';
import { likelihoodOf } from '../../src/run/likelihood.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { fakeFormat, fakeTask, FakeDecoder, fakeTokenizer } from '../support/fakes.js';

const NANO = fileURLToPath(new URL('../../models/llavacode-nano/decoder', import.meta.url));
const PREFIX_ONLY = { parts: [{ kind: 'prefix' }], stop: fakeFormat.stop } as const;

function textOf(
  reference: string,
  suffix: string,
  changed: Partial<ReferenceSetting> = {},
): { text: string; stops: boolean; hasEnd: boolean; characters: number } {
  const made = referenceOf(
    { reference, suffix },
    { tokenizer: fakeTokenizer, format: fakeFormat, end: 'stop-token', isSettled: null, ...changed },
  );
  assert.ok(made !== null);
  return {
    text: fakeTokenizer.decode(made.ids),
    stops: made.end !== null,
    hasEnd: made.hasEnd,
    characters: made.characters,
  };
}

describe('the reference as a decoder would write it', () => {
  test('is the line and a stop token, or the line and the line end behind the hole', () => {
    assert.deepEqual(textOf('f(x);', '\n}\n'), { text: 'f(x);', stops: true, hasEnd: true, characters: 5 });
    assert.deepEqual(textOf('f(x);', '\r\n}\r\n', { end: 'line-end' }), {
      ...{ text: 'f(x);\r\n', stops: false, hasEnd: true },
      characters: 5,
    });
  });

  test('ends by a line end where the file ends, and by a stop token within a line', () => {
    assert.equal(textOf('f(x);', '', { end: 'line-end' }).text, 'f(x);\n');
    assert.deepEqual(textOf('f(x', ');\n', { end: 'line-end' }), {
      ...{ text: 'f(x', stops: true, hasEnd: true },
      characters: 3,
    });
  });

  test('of a decoder without markers never ends by a stop token', () => {
    assert.equal(textOf('f(x);', '\n', { format: PREFIX_ONLY, end: 'line-end' }).text, 'f(x);\n');
    assert.deepEqual(textOf('f(x', ');\n', { format: PREFIX_ONLY, end: 'line-end' }), {
      ...{ text: 'f(x', stops: false, hasEnd: false },
      characters: 3,
    });
  });

  test('of a decoder without a stop token never ends by one', () => {
    const format = { ...fakeFormat, stop: new Set<never>() };
    assert.equal(textOf('f(x);', '\n', { format }).text, 'f(x);\n');
    assert.deepEqual(textOf('f(x', ');\n', { format }), {
      ...{ text: 'f(x', stops: false, hasEnd: false },
      characters: 3,
    });
  });

  test('goes as far as the metric profile compares', () => {
    const reference = 'if (x) {\n  y();\n}';
    const first = metricProfile('llavacode-first-line', null).settling(fakeTask('r/1', '', reference, '\n'));
    assert.equal(textOf(reference, '\n', { isSettled: first }).text, 'if (x) {\n');
    const all = metricProfile('llavacode', null).settling(fakeTask('r/1', '', reference, '\n'));
    assert.deepEqual(textOf(reference, '\n', { isSettled: all }), {
      ...{ text: reference, stops: true, hasEnd: true },
      characters: 17,
    });
  });

  test('counts characters as code points, whatever the end', () => {
    assert.equal(textOf('"👩é"', '\n').characters, 4);
    assert.equal(textOf('"👩é"', '\n', { end: 'line-end' }).characters, 4);
  });

  test('is nothing where there is neither an id nor an end', () => {
    const setting = { tokenizer: fakeTokenizer, end: 'line-end', isSettled: null } as const;
    assert.equal(referenceOf({ reference: '', suffix: 'x' }, { ...setting, format: PREFIX_ONLY }), null);
  });

  test('has one piece a position, and the pieces are the text', async () => {
    const tokenizer = await loadTokenizer(NANO);
    for (const line of ['const total = prices.reduce(add, 0);', 'log("é 👩‍👩‍👧");', 'x']) {
      const made = referenceOf(
        { reference: line, suffix: '\n' },
        { tokenizer, format: fakeFormat, end: 'stop-token', isSettled: null },
      );
      assert.equal(made?.pieces.length, made!.ids.length + 1);
      assert.equal(made.pieces.join(''), line);
    }
  });
});

/** Finds every text without a stop token so likely, and a stop token so likely. */
class Preferring implements ContinuationScorer {
  readonly #stop: number;
  constructor(stop: number) {
    this.#stop = stop;
  }
  logProbabilities({ ids, end }: Continuation, step: DecoderStep): Promise<Float64Array> {
    assert.ok(step.cache.length > 0);
    return Promise.resolve(Float64Array.from([...ids.map(() => -1), ...(end === null ? [] : [this.#stop])]));
  }
}

describe('the ending of a decoder', () => {
  const endOf = (stop: number): Promise<string> =>
    referenceEndOf({
      decoder: new FakeDecoder('x'),
      scorer: new Preferring(stop),
      tokenizer: fakeTokenizer,
      format: fakeFormat,
    });

  test('is the likelier one: a line end costs 1 nat here, a stop token less or more', async () => {
    assert.equal(await endOf(-0.5), 'stop-token');
    assert.equal(await endOf(-1), 'stop-token');
    assert.equal(await endOf(-1.5), 'line-end');
  });

  test('leaves no cache open', async () => {
    const decoder = new FakeDecoder('x');
    await referenceEndOf({
      decoder,
      scorer: new Preferring(-1),
      tokenizer: fakeTokenizer,
      format: fakeFormat,
    });
    assert.equal(decoder.openCaches, 0);
  });

  test('is a line end without markers, and nobody is asked', async () => {
    const decoder = new FakeDecoder('x');
    const format = { ...fakeFormat, parts: [{ kind: 'prefix' }] } as const;
    const scorer = new Preferring(0);
    assert.equal(await referenceEndOf({ decoder, scorer, tokenizer: fakeTokenizer, format }), 'line-end');
    assert.equal(decoder.prompts.length, 0);
  });
});

describe('the likelihood in a record', () => {
  test('is the sum of its positions, the last of them kept apart', () => {
    // 1.25 + 0.5 + 0.25 = 2 nats, of which the end has 0.25.
    assert.deepEqual(likelihoodOf({ characters: 9, hasEnd: true }, Float64Array.of(-1.25, -0.5, -0.25)), {
      referenceNats: 2,
      endNats: 0.25,
      referenceTokens: 3,
      referenceCharacters: 9,
      tokenNats: [1.25, 0.5, 0.25],
    });
  });

  test('of a certain token is 0, and there is no end where the reference has none', () => {
    const { endNats, tokenNats } = likelihoodOf({ characters: 1, hasEnd: false }, Float64Array.of(0));
    assert.equal(endNats, null);
    assert.ok(Object.is(tokenNats[0], 0));
  });
});
