/**
 * @file Text and JSON of strangers.
 */

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { printableStream, rawStream } from '../../src/cli/terminal/foreign-text.js';
import { DataError } from '../../src/domain/errors.js';
import { MOST_LEVELS, parseJson } from '../../src/domain/json.js';
import { printable, shortened } from '../../src/domain/foreign-text.js';

describe('printable text', () => {
  test('shows by their codes the characters that a terminal obeys', () => {
    assert.equal(printable('a\u001b[31mb\u0007\u009b2J\u007f'), 'a\\u001b[31mb\\u0007\\u009b2J\\u007f');
    assert.equal(printable('x\u202egnp.exe\u2066'), 'x\\u202egnp.exe\\u2066');
    assert.equal(printable('100 %\rdone'), '100 %\\u000ddone');
  });

  test('keeps tabs, line ends of both kinds and every letter', () => {
    const text = 'a\tb\r\nc\n\u00e9\u4e2d\u{1f600} \u2713';
    assert.equal(printable(text), text);
  });

  test('inside JSON is the same value', () => {
    const value = { id: 'a\u009b1\u2028\u202e' };
    assert.deepEqual(JSON.parse(printable(JSON.stringify(value))), value);
  });
});

test('a shortened text says by its last character that it is one', () => {
  assert.equal(shortened('abcdef', 6), 'abcdef');
  assert.equal(shortened('abcdefg', 6), 'abcde…');
});

describe('an output stream of the program', () => {
  test('shows control characters of what commands write, and its raw stream takes them as they are', () => {
    const written: string[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk.toString('utf8'));
        done();
      },
    });
    const below = sink as unknown as NodeJS.WriteStream;
    const stream = printableStream(below);
    stream.write('id \u001b[2J\n');
    rawStream(stream).write('\u001b[1G');
    assert.deepEqual(written, ['id \\u001b[2J\n', '\u001b[1G']);
    assert.equal(rawStream(below), below);
  });
});

describe('a message', () => {
  test('is cut where a line or a list of hints is longer than anybody reads', () => {
    const lines = new DataError('x'.repeat(10_000), Array<string>(100).fill('y')).render().split('\n');
    assert.equal(lines[0]!.length, 2000);
    assert.equal(lines.length, 1 + 60 + 1);
    assert.equal(lines.at(-1), '  and 40 more');
  });
});

describe('JSON of a stranger', () => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  test(`may nest ${MOST_LEVELS} levels and no more`, () => {
    assert.doesNotThrow(() => parseJson(nested(MOST_LEVELS)));
    assert.throws(() => parseJson(nested(MOST_LEVELS + 1)), /nests deeper than 200 levels/);
    assert.throws(() => parseJson('{"a":'.repeat(100_000)), SyntaxError);
  });

  test('may have any brackets in its strings, escaped quotes among them', () => {
    const value = [`${'['.repeat(500)}"\\`, '\\', '{'.repeat(500), { ']"': '"' }];
    assert.deepEqual(parseJson(JSON.stringify(value)), value);
  });

  test('that is none is left to the parser', () => {
    for (const text of ['', '{', '"', '"\\', ']]]', '{"a":1']) {
      assert.throws(() => parseJson(text), SyntaxError, text);
    }
  });

  test('with a key __proto__ changes no object', () => {
    parseJson('{"__proto__":{"polluted":true}}');
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});
