import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lineProgress } from '../../src/cli/terminal/progress.js';

/** A progress whose clock stands still until it is told otherwise. */
function watched(): {
  lines: string[];
  pass: (seconds: number) => void;
  progress: ReturnType<typeof lineProgress>;
} {
  let now = 0;
  const lines: string[] = [];
  const progress = lineProgress({ write: (text) => lines.push(text) }, () => now);
  return {
    lines,
    progress,
    pass: (seconds) => {
      now += seconds * 1000;
    },
  };
}

describe('progress without a terminal', () => {
  test('is a line every half minute, with what is left at the pace of the last half minute', () => {
    const { lines, pass, progress } = watched();
    progress.start('answering', 1000);
    progress.advance(500); // What an earlier part of the run has recorded.
    pass(10);
    progress.advance(10);
    assert.deepEqual(lines, []);
    pass(20);
    progress.advance(10);
    // 520 in 30 s, earlier records included: 480 more take 28 s.
    assert.deepEqual(lines.splice(0), ['answering: 520 of 1000, 52 %, about 28 s left\n']);
    pass(30);
    progress.advance(10);
    // 10 in 30 s: 470 more take 1,410 s.
    assert.deepEqual(lines.splice(0), ['answering: 530 of 1000, 53 %, about 23 min 30 s left\n']);
  });

  test('is nothing for short work, and nothing at the end of any', () => {
    const { lines, pass, progress } = watched();
    progress.start('encoding', 10);
    pass(29);
    progress.advance(9);
    pass(29);
    progress.advance(1);
    progress.stop();
    progress.advance(5);
    assert.deepEqual(lines, []);
  });

  test('counts bytes in units that people read', () => {
    const { lines, pass, progress } = watched();
    progress.start('fetching', 4e9, 'bytes');
    pass(60);
    progress.advance(1e9);
    assert.deepEqual(lines, ['fetching: 1.00 GB of 4.00 GB, 25 %, about 3 min 0 s left\n']);
  });
});
