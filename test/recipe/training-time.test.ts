import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { EMBEDDED_FOLDER } from '../../src/hub/embedded.js';
import { readBundle } from '../../src/model/folder/bundle.js';
import { embeddedTraining } from '../../src/report/view/embedded-training.js';

const text = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

describe('the training time of the embedded model', () => {
  const { training, version } = readBundle(EMBEDDED_FOLDER);
  const stated = `${training!.hours} hours on ${training!.device}`;
  const card = text('models/llavacode-nano/README.md');

  test('is the sum of the minutes in the table of its card', () => {
    const rows = card.split('\n').filter((line) => /^\| [^|]*\d\.\d\.\d \| \d+ min \|/.test(line));
    const minutes = rows.map((line) => Number(/\| (\d+) min \|/.exec(line)![1]));
    // Decoder 74 + 37 + 54, copying heads 3, encoder 15, projector 4: 187 minutes are 3.1 hours.
    assert.equal(rows.length, 6);
    assert.equal(training!.hours, Math.round((minutes.reduce((a, b) => a + b, 0) / 60) * 10) / 10);
  });

  test('is the same in bundle.json, the card, the README and a report', () => {
    assert.ok(card.includes(stated), `the card says ${stated}`);
    assert.ok(text('README.md').includes(`trained for ${stated}`), `the README says ${stated}`);
    assert.equal(embeddedTraining(), `; version ${version} was trained for ${stated}`);
  });
});
