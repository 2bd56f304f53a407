import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isBlank, splitLines, splitSpace, strip } from '../../src/domain/text.js';
import { editDistance } from '../../src/metrics/edit-similarity.js';
import { difflibRatio, indelRatio } from '../../src/metrics/fuzz-ratio.js';
import { exactMatchTokens, LLAVACODE } from '../../src/metrics/llavacode.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { randomText } from '../support/random-text.js';
import {
  slowCommonSubsequence,
  slowDistance,
  slowExactMatchTokens,
  slowMatches,
  slowRound,
  slowSplitLines,
  slowSplitSpace,
  slowStrip,
} from '../support/slow-metrics.js';

const CASES = 10_000;

/** Runs a claim on 10,000 random pairs; the seed is in the name of the test, so a failure repeats. */
function always(claim: string, check: (a: string, b: string, rng: Rng) => void, most = 7): void {
  test(`${claim}, on ${CASES} random cases`, () => {
    const rng = createRng(8);
    for (let round = 0; round < CASES; round++) {
      const [a, b] = [randomText(rng, most), randomText(rng, most)];
      check(a, b, rng);
    }
  });
}

describe('against slow versions:', () => {
  always('strip, blank, split and splitlines follow the tables of Python’s documentation', (a) => {
    assert.equal(strip(a), slowStrip(a), JSON.stringify(a));
    assert.equal(isBlank(a), slowStrip(a) === '', JSON.stringify(a));
    assert.deepEqual(splitSpace(a), slowSplitSpace(a), JSON.stringify(a));
    assert.deepEqual(splitLines(a), slowSplitLines(a), JSON.stringify(a));
  });

  always(
    'the Levenshtein distance is that of the textbook table',
    (a, b) => {
      assert.equal(editDistance(a, b), slowDistance(a, b), JSON.stringify([a, b]));
    },
    16,
  );

  always(
    'the Indel ratio is 2 LCS / total length, rounded half to even',
    (a, b) => {
      const total = Array.from(a).length + Array.from(b).length;
      const exact = total === 0 ? 100 : slowRound(200 * slowCommonSubsequence(a, b), total);
      // Where the total is a multiple of 80 a few ties are lost to binary fractions (see the golden ties).
      if (total % 80 !== 0) assert.equal(indelRatio(a, b), exact, JSON.stringify([a, b]));
    },
    12,
  );

  always(
    'the difflib ratio is 2 matches / total length, rounded half to even',
    (a, b) => {
      const [x, y] = [Array.from(a), Array.from(b)];
      const total = x.length + y.length;
      const exact = total === 0 ? 100 : slowRound(200 * slowMatches(x, y), total);
      assert.equal(difflibRatio(a, b), exact, JSON.stringify([a, b]));
    },
    12,
  );

  test('the difflib ratio ignores frequent characters of a long second text, and of no other', () => {
    const rng = createRng(9);
    for (let round = 0; round < 40; round++) {
      const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4).split('').concat(' '.repeat(60).split(''));
      const long = rng.shuffle(letters).join('') + randomText(rng, 60, ['x', 'y', ' ']);
      const short = long.slice(rng.int(80)).slice(0, 30 + rng.int(200)) + randomText(rng, 9, ['a', 'b']);
      for (const [a, b] of [
        [short, long],
        [long, short],
      ] as const) {
        const [x, y] = [a.split(''), b.split('')];
        const exact = slowRound(200 * slowMatches(x, y), a.length + b.length);
        assert.equal(difflibRatio(a, b), exact, JSON.stringify([a, b]));
      }
    }
  });

  always('the tokens of LlavaCode’s EM, and its shortcut around them', (a, b, rng) => {
    assert.deepEqual(exactMatchTokens(a), slowExactMatchTokens(a), JSON.stringify(a));
    // Often the same text with other spaces and quotes: otherwise hardly any pair would match.
    const other = rng.int(2) === 0 ? b : a.replace(/[ \t]/g, '\n').replace(/"/g, "'");
    const [x, y] = [slowExactMatchTokens(a), slowExactMatchTokens(other)];
    const { exactMatch } = LLAVACODE.open(null).scoreCompared(a, {
      prefix: '',
      reference: other,
      language: 'python',
    });
    assert.equal(exactMatch === 1, JSON.stringify(x) === JSON.stringify(y), JSON.stringify([a, other]));
  });
});
