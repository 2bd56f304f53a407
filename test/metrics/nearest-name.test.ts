import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nearestName, whatWasMeant } from '../../src/metrics/nearest-name.js';

describe('the nearest name', () => {
  test('is the one with the fewest edits', () => {
    // topk -> topK: no edit once case is left aside; topk -> tasks: 4 edits.
    assert.equal(nearestName('topk', ['tasks', 'topK']), 'topK');
    // npm-ts-line -> npm-ts-lines: one letter inserted.
    assert.equal(nearestName('npm-ts-line', ['tiny', 'npm-ts-lines']), 'npm-ts-lines');
  });

  test('may differ in two letters, or in a third of a long name, and in no more', () => {
    // "tiny" has four letters: two edits are allowed (tnay: n for i, a for n).
    assert.equal(nearestName('tnay', ['tiny']), 'tiny');
    assert.equal(nearestName('txxx', ['tiny']), null);
    // "maxPromptTokens" has 15 letters: five edits are allowed.
    assert.equal(nearestName('maxPrompt', ['maxPromptTokens']), null, 'six letters are missing');
    assert.equal(nearestName('maxPromptT', ['maxPromptTokens']), 'maxPromptTokens', 'five are missing');
  });

  test('is never a name of which no letter was typed', () => {
    // Two edits turn anything of two letters into "k2", but then nothing of it was typed.
    assert.equal(nearestName('ab', ['k2']), null);
    assert.equal(nearestName('', ['k']), null);
  });

  test('is the first of names that are equally near', () => {
    assert.equal(nearestName('beck', ['deck', 'neck']), 'deck');
  });

  test('is null among no names', () => {
    assert.equal(nearestName('anything', []), null);
  });
});

describe('what to say about a name that is not known', () => {
  test('is the one that was probably meant, or all that are known', () => {
    assert.equal(whatWasMeant('maxToken', ['path', 'maxTokens']), 'did you mean "maxTokens"?');
    assert.equal(whatWasMeant('colour', ['path', 'layers']), 'known: path, layers');
  });
});
