import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeChange, specChanges } from '../../src/gate/compatible.js';
import { rulesSchema, DEFAULT_RULES, DEFAULT_TTFT_RULE } from '../../src/gate/rules.js';

describe('what differs between two specs', () => {
  test('is told field by field, lists whole, absent fields named', () => {
    const changes = specChanges(
      { topK: [10], models: { projector: 'a'.repeat(64), encoder: null }, seed: 0 },
      { topK: [5], models: { projector: 'b'.repeat(64), encoder: null }, dtype: 'fp16', seed: 0 },
    );
    assert.deepEqual(changes.map(describeChange), [
      'dtype: absent → "fp16"',
      'models.projector: "aaaaaaaaaaaa" → "bbbbbbbbbbbb"',
      'topK: [10] → [5]',
    ]);
  });

  test('is nothing between equal ones', () => {
    assert.deepEqual(specChanges({ a: { b: [1] } }, { a: { b: [1] } }), []);
  });
});

describe('rules', () => {
  test('fill in what a file leaves out, and null switches a group off', () => {
    const rules = rulesSchema.parse({ quality: { exactMatch: { margin: 1 } }, ttft: null });
    assert.deepEqual(rules.quality!.exactMatch, { margin: 1, maxDrop: 10, floor: null });
    assert.deepEqual(rules.quality!.editSimilarity, DEFAULT_RULES.quality!.editSimilarity);
    assert.equal(rules.ttft, null);
  });

  test('refuse fields they do not know', () => {
    assert.equal(rulesSchema.safeParse({ quality: { exactMatch: { minimum: 1 } } }).success, false);
  });

  test('leave room for all groups below 5 %', () => {
    const { quality, likelihood } = DEFAULT_RULES;
    assert.ok(quality!.level + likelihood!.level + DEFAULT_TTFT_RULE.level <= 0.05);
  });
});
