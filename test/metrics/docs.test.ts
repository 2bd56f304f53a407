import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { scoreCompletion } from '../../src/metrics/profile.js';
import { METRIC_PROFILES, metricProfile } from '../../src/metrics/registry.js';

const PAIRS = [
  [`f('a')`, `f("a")`],
  ['return x\ny = 2', 'return x'],
  ['get("http://a")', 'get("http://b")'],
  ['fooab', 'fooba'],
  ['cbbcbaaac', 'accc'],
] as const;

test('the table of telling pairs in docs/metrics.md holds what the profiles compute', () => {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const code = (text: string): string => `\`${text.replaceAll('\n', '⏎')}\``;
  const table = [
    row(['Prediction', 'Reference', ...METRIC_PROFILES.map(code)]),
    `|${'---|'.repeat(METRIC_PROFILES.length + 2)}`,
    ...PAIRS.map(([prediction, reference]) =>
      row([
        code(prediction),
        code(reference),
        ...METRIC_PROFILES.map((name) => {
          const profile = metricProfile(name, null);
          const task = { prefix: '', reference, language: 'java' } as const;
          const { exactMatch, editSimilarity } = scoreCompletion(profile, prediction, task);
          const digits = profile.formula === 'levenshtein' ? 2 : 0;
          return `${exactMatch} / ${(editSimilarity! * 100).toFixed(digits)}`;
        }),
      ]),
    ),
  ].join('\n');
  assert.ok(page.includes(`\n${table}\n`), `the table should read:\n${table}`);
});
