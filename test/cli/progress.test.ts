import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { columnsOf } from '../../src/cli/terminal/columns.js';
import { progressOn } from '../../src/cli/terminal/progress.js';

/** A log: what is written, and a clock that only this test moves. */
function log() {
  const lines: string[] = [];
  let now = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().trimEnd().split('\n'));
      done();
    },
  });
  const progress = progressOn(Object.assign(stream, { isTTY: false }), () => now);
  return {
    lines,
    progress,
    wait: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

describe('progress without a terminal', () => {
  test('is a line every half minute, with what is left at the pace so far', () => {
    const { lines, progress, wait } = log();
    progress.start('tasks', 560);
    for (let i = 0; i < 12; i++) {
      wait(10);
      progress.advance(20);
    }
    // 60 of 560 after 30 s: 500 more at 0.5 s each.
    assert.equal(lines[0], 'tasks: 60 of 560, 10 %, about 4 min 10 s left');
    assert.deepEqual(
      lines.map((line) => /\d+ of/.exec(line)![0]),
      ['60 of', '120 of', '180 of', '240 of'],
    );
  });

  test('says nothing about work of less than half a minute, and still has the notes', () => {
    const { lines, progress, wait } = log();
    progress.start('tasks', 80);
    wait(29);
    progress.advance(79);
    progress.note('a note');
    progress.stop();
    wait(60);
    progress.advance(1);
    assert.deepEqual(lines, ['a note']);
  });

  test('counts bytes as bytes', () => {
    const { lines, progress, wait } = log();
    progress.start('fetching', 2_000_000, 'bytes');
    wait(30);
    progress.advance(1_000_000);
    assert.match(lines[0]!, /^fetching: 1\.0\d* MB of 2\.0\d* MB, 50 %, about 30 s left$/);
  });
});

test('a stream that is no terminal is written as for one of 80 columns', () => {
  assert.deepEqual(
    [undefined, 0, 20, 60, 200].map((columns) => columnsOf({ columns: columns })),
    [80, 80, 40, 60, 200],
  );
});
