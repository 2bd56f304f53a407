import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { editDistance, editSimilarity } from '../../src/metrics/edit-similarity.js';
import { comparedText, exactMatchTokens, settlingAt } from '../../src/metrics/llavacode.js';
import { roundHalfEven2 } from '../../src/metrics/rounding.js';

describe('the llavacode profile', () => {
  test('cuts the completion to as many non-blank lines as the reference has', () => {
    assert.equal(comparedText('\n a\n\n b\n c', 'x\n\ny'), ' a\n b');
  });

  test('a completion is settled only when nothing that follows could change what is compared', () => {
    const pieces = ['a', ' ', '\n', '\n', 'b;', '\f', '\u0085'];
    let state = 5;
    const next = (n: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const text = (): string => Array.from({ length: next(8) }, () => pieces[next(pieces.length)]!).join('');
    let settled = 0;
    for (let round = 0; round < 2000; round++) {
      const [completion, reference] = [text(), text()];
      if (!settlingAt(reference)(completion)) continue;
      settled++;
      assert.equal(
        comparedText(completion + text(), reference),
        comparedText(completion, reference).replace(/\n$/, ''),
      );
    }
    assert.ok(settled > 200);
    assert.equal(settlingAt('x')('foo();'), false);
  });

  test('splits tokens at every character outside [A-Za-z0-9_] and inside fooBar', () => {
    assert.deepEqual(exactMatchTokens('fooBar_1(\u00e9"x")'), [
      'foo',
      'Bar_1',
      '(',
      '\u00e9',
      '`',
      'x',
      '`',
      ')',
    ]);
  });
});

/** Textbook dynamic programme over code points, as slow as it is plain. */
function slowDistance(a: string, b: string): number {
  const x = Array.from(a);
  const y = Array.from(b);
  let previous = y.map((_, j) => j + 1);
  previous.unshift(0);
  for (let i = 1; i <= x.length; i++) {
    const current = [i];
    for (let j = 1; j <= y.length; j++) {
      const substitution = previous[j - 1]! + (x[i - 1] === y[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[y.length]!;
}

describe('edit distance', () => {
  test('equals the textbook dynamic programme on 2,000 random texts with surrogates and controls', () => {
    const alphabet = [
      'a',
      'b',
      ' ',
      '\n',
      '\r',
      '\f',
      '\u0085',
      'é',
      'e\u0301',
      '😀',
      '𝒳',
      '\u{10ffff}',
      '～',
    ];
    let state = 7;
    const next = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const text = (): string =>
      Array.from({ length: next(24) }, () => alphabet[next(alphabet.length)]!).join('');
    for (let round = 0; round < 2000; round++) {
      const [a, b] = [text(), text()];
      assert.equal(editDistance(a, b), slowDistance(a, b), JSON.stringify([a, b]));
    }
  });

  test('has no similarity to report for two empty texts', () => {
    assert.equal(editSimilarity('', ''), null);
  });
});

describe('rounding', () => {
  test('follows Python: ties to even, and the binary value decides what is a tie', () => {
    // 0.125 and 0.375 are exact ties; 2.675 is stored as 2.67499999..., 1.005 as 1.00499999...
    assert.deepEqual([0.125, 0.375, 2.675, 1.005, 91.666].map(roundHalfEven2), [0.12, 0.38, 2.67, 1, 91.67]);
  });
});
