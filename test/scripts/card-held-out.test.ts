import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  heldOutBlock,
  parseHeldOut,
  type HeldOut,
  type HeldOutRow,
} from '../../scripts/card-held-out-block.js';

const HEAD: HeldOut['head'] = {
  ...{ schema: 'llava-eval/held-out@1', bundle: 'tiny', version: '1.2.3', torch: '2.0', device: 'cpu' },
  holes: 4,
  encoder: { meanCosine: 0.25, effectiveRank: 10.5 },
  projector: { meanCosine: 0.5, effectiveRank: 3.5 },
};

const row = (pipeline: string, hole: number, nats: number, more: Partial<HeldOutRow> = {}): HeldOutRow => ({
  ...{ pipeline, hole, repository: hole < 2 ? 'a' : 'b', promptTokens: 100 },
  ...{ exactMatch: 0, editSimilarity: 0.5, nats },
  ...more,
});

/** Cross entropy 1, 2, 3, 4 without context; lower by 0.1, 0.2, 0.2, 0.1 with it. */
const ROWS = [
  ...[1, 2, 3, 4].map((nats, hole) => row('no-context', hole, nats)),
  ...[0.9, 1.8, 2.8, 3.9].map((nats, hole) => row('full-rag', hole, nats, { promptTokens: 200 + hole })),
];

const cellsOf = (block: string, name: string): string[][] =>
  block
    .split('\n')
    .filter((line) => line.startsWith(`| ${name} |`))
    .map((line) => line.split('|').map((cell) => cell.trim()));

const lines = (held: HeldOut): string =>
  [held.head, ...held.rows].map((one) => JSON.stringify(one)).join('\n');

describe('the held-out block of the card', () => {
  const block = heldOutBlock({ head: HEAD, rows: ROWS });

  test('has the t interval over holes where there are fewer than six packages, and says so', () => {
    // Mean 2.5, standard deviation sqrt(5/3) = 1.29099, error of the mean 0.64550; t(0.975, 3) = 3.18245: 2.05427.
    assert.equal(cellsOf(block, 'no-context')[0]![4], '2.500 [0.446, 4.554]');
    assert.match(block, /4 holes of 2 packages; tiny 1\.2\.3.*intervals over holes/);
  });

  test('pairs the differences by hole', () => {
    // Differences -0.1, -0.2, -0.2, -0.1: mean -0.15, standard deviation sqrt(0.01/3) = 0.057735, error 0.0288675,
    // half width 0.09187; t = 5.196 at 3 degrees of freedom is p = 0.0138. Four signs allow no less than 2^-3 = 0.125, so
    // the difference is not shown.
    assert.equal(cellsOf(block, 'full-rag')[1]![4], '−0.150 [−0.242, −0.058]');
    const shuffled = heldOutBlock({
      head: HEAD,
      rows: [...ROWS].reverse().sort((a, b) => b.pipeline.localeCompare(a.pipeline)),
    });
    assert.equal(shuffled, block);
  });

  test('widens the interval of a rate of no hits to the score interval', () => {
    // Wilson, no hit in 4: 3.84146 / (4 + 3.84146) = 48.99 %.
    assert.equal(cellsOf(block, 'no-context')[0]![2], '0.00 [0.00, 48.99]');
  });

  test('has intervals over packages from six of them on', () => {
    const rows = ['no-context', 'full-rag'].flatMap((pipeline, p) =>
      [1, 2, 3, 4, 5, 6].map((nats, hole) => row(pipeline, hole, nats - p * 0.1, { repository: `p${hole}` })),
    );
    const many = heldOutBlock({ head: { ...HEAD, holes: 6 }, rows });
    assert.match(many, /6 packages;.*95 % intervals over packages\./);
    // One hole a package: the ordinary interval. 3.5, error sqrt(3.5 / 6) = 0.76376, t(0.975, 5) = 2.57058: 1.96332.
    assert.equal(cellsOf(many, 'no-context')[0]![4], '3.500 [1.537, 5.463]');
  });

  test('is read from JSON lines, and a line that is none is refused by its number', () => {
    const held = { head: HEAD, rows: ROWS };
    assert.deepEqual(parseHeldOut(`${lines(held)}\n`, 'rows.jsonl'), held);
    const wrong = lines(held).replace('"nats":2}', '"nats":"two"}');
    assert.throws(() => parseHeldOut(wrong, 'rows.jsonl'), /rows\.jsonl, line 3:[^]*nats/);
    assert.throws(() => parseHeldOut('', 'rows.jsonl'), /rows\.jsonl, line 1/);
  });

  test('of rows that lack a hole, or have one twice, is refused', () => {
    const lacking = { head: HEAD, rows: ROWS.slice(0, -1) };
    assert.throws(
      () => parseHeldOut(lines(lacking), 'rows.jsonl'),
      /full-rag has 3 rows of 3 holes, the head says 4/,
    );
    const twice = { head: HEAD, rows: [...ROWS.slice(0, -1), ROWS.at(-2)!] };
    assert.throws(() => parseHeldOut(lines(twice), 'rows.jsonl'), /full-rag has 4 rows of 3 holes/);
  });

  test('needs the rows that the others are set against', () => {
    assert.throws(() => heldOutBlock({ head: HEAD, rows: ROWS.slice(4) }), /full-rag, not of no-context/);
  });
});
