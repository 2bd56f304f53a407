import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { LANGUAGES } from '../../src/domain/task.js';
import { splitLines, splitSpace, strip, stripEnd, wordsOf } from '../../src/domain/text.js';
import { editDistance } from '../../src/metrics/edit-similarity.js';
import { difflibRatio, indelRatio } from '../../src/metrics/fuzz-ratio.js';
import type { MetricProfileName } from '../../src/metrics/registry.js';
import { firstPythonStatement, watchPythonStatement } from '../../src/metrics/python-statement.js';
import { metricProfile } from '../../src/metrics/registry.js';
import { roundHalfEven } from '../../src/metrics/rounding.js';
import { loadPythonParser } from '../../src/parsing/python.js';
import { some } from '../support/some.js';

const text = z.string();
const number = z.number();
const scores = z.tuple([text, number, number.nullable()]);

/** Made by test/golden/make-metrics.py with the packages of the harnesses. */
const GOLDEN = z
  .object({
    ratios: z.array(z.tuple([text, text, number, number, number])),
    ties: z.array(z.tuple([number, number, number, number, number])),
    texts: z.array(z.tuple([text, text, text, z.array(text), z.array(text), z.array(text)])),
    rounded: z.array(z.tuple([number, z.array(number)])),
    scores: z.array(
      z.tuple([
        text,
        text,
        z.enum(LANGUAGES),
        scores,
        scores,
        z.tuple([text, number, number, z.array(number)]),
        scores,
        scores,
      ]),
    ),
    statements: z.array(z.tuple([text, text, text])),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8')));

describe('as the Python packages have it:', () => {
  test('Levenshtein distance (editdistance), Indel ratio (thefuzz, fuzzywuzzy with python-Levenshtein)', () => {
    for (const [a, b, distance, indel] of some(GOLDEN.ratios)) {
      assert.equal(editDistance(a, b), distance, JSON.stringify([a, b]));
      assert.equal(indelRatio(a, b), indel, JSON.stringify([a, b]));
    }
  });

  test('difflib ratio (fuzzywuzzy without python-Levenshtein), frequent characters of long texts ignored', () => {
    for (const [a, b, , , difflib] of some(GOLDEN.ratios)) {
      assert.equal(difflibRatio(a, b), difflib, JSON.stringify([a, b]));
    }
    assert.ok(GOLDEN.ratios.some(([, b]) => b.length >= 200));
    assert.ok(GOLDEN.ratios.filter(([, , , indel, difflib]) => indel !== difflib).length > 20);
  });

  test('ratios halfway between two integers', () => {
    for (const [shared, onlyA, onlyB, indel, difflib] of some(GOLDEN.ties)) {
      const a = 'a'.repeat(shared) + 'b'.repeat(onlyA);
      const b = 'a'.repeat(shared) + 'c'.repeat(onlyB);
      assert.deepEqual([indelRatio(a, b), difflibRatio(a, b)], [indel, difflib], `${a} ${b}`);
    }
  });

  test('strip, rstrip, splitlines, split and \\w+', () => {
    for (const [given, ...expected] of some(GOLDEN.texts)) {
      const own = [strip(given), stripEnd(given), splitLines(given), splitSpace(given), wordsOf(given)];
      assert.deepEqual(own, expected, JSON.stringify(given));
    }
  });

  test('round to 0 to 5 digits', () => {
    for (const [value, expected] of some(GOLDEN.rounded)) {
      assert.deepEqual(
        expected.map((_, digits) => roundHalfEven(value, digits)),
        expected,
        String(value),
      );
    }
  });

  for (const [column, name] of (
    ['llavacode', 'repocoder', 'cceval', 'repobench', 'lca'] as const satisfies readonly MetricProfileName[]
  ).entries()) {
    test(`the cut and the scores of ${name}`, () => {
      // Statements of Python have cases of their own below; here its cut is left out on both sides.
      const profile = metricProfile(name, { check: () => 'invalid' });
      for (const [completion, reference, language, ...columns] of some(GOLDEN.scores)) {
        const [compared, em, es, extras] = columns[column]!;
        const task = { prefix: '', reference, language };
        const own = profile.compared(completion, task);
        const score = profile.scoreCompared(own, task);
        assert.equal(own, compared, JSON.stringify([completion, reference]));
        assert.equal(score.exactMatch, em, JSON.stringify([completion, reference]));
        assert.equal(score.editSimilarity, es, JSON.stringify([completion, reference]));
        if (extras !== undefined) {
          const { idEm, idPrecision, idRecall, idF1 } = score.extras!;
          assert.deepEqual(
            [idEm, idPrecision, idRecall, idF1],
            extras,
            JSON.stringify([completion, reference]),
          );
        }
      }
    });
  }

  test('where a Python statement ends, though only beginnings before a newline are parsed', async () => {
    const parser = await loadPythonParser();
    let cut = 0;
    for (const [prompt, completion, statement] of some(GOLDEN.statements)) {
      const given = JSON.stringify([prompt, completion]);
      assert.equal(firstPythonStatement(prompt, completion, parser), statement, given);
      if (statement !== completion) cut++;
      // A completion watched while it grows is settled once its statement is, and then stays cut there.
      const isSettled = watchPythonStatement(prompt, parser);
      const characters = Array.from(completion);
      const end = characters.findIndex((_, i) => isSettled(characters.slice(0, i + 1).join('')));
      if (end === -1) assert.equal(statement, completion, given);
      else
        assert.equal(
          firstPythonStatement(prompt, characters.slice(0, end + 1).join(''), parser),
          statement,
          given,
        );
    }
    assert.ok(cut > 50, `${cut} of ${GOLDEN.statements.length} are cut`);
  });
});
