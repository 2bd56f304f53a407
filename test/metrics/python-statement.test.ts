/**
 * @file The limit on how often one completion is parsed.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  firstPythonStatement,
  watchPythonStatement,
  type PythonParser,
} from '../../src/metrics/python-statement.js';

/** A parser that counts its calls and calls the text valid that has so many newlines. */
function countingParser(validAt: number): PythonParser & { calls: number } {
  return {
    calls: 0,
    check(code) {
      this.calls++;
      return code.split('\n').length - 1 === validAt ? 'valid' : 'invalid';
    },
  };
}

describe('a Python completion of very many lines', () => {
  // Beginnings end before a newline, so the n-th beginning holds n newlines less one; "\nx" starts with one.
  const completion = '\nx'.repeat(2000);

  test('is cut where one of its first 500 beginnings parses', () => {
    const parser = countingParser(500);
    assert.equal(firstPythonStatement('', completion, parser).length, 2 * 500);
    assert.equal(parser.calls, 500);
  });

  test('is kept whole after 500 beginnings that do not parse', () => {
    const parser = countingParser(501);
    assert.equal(firstPythonStatement('', completion, parser), completion);
    assert.equal(parser.calls, 500);
  });

  test('is not settled by its 501st beginning while it grows', () => {
    const parser = countingParser(501);
    const isSettled = watchPythonStatement('', parser);
    for (let end = 100; end <= completion.length; end += 100) {
      assert.equal(isSettled(completion.slice(0, end)), false);
    }
    assert.equal(parser.calls, 500);
  });
});
