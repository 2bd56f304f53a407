import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chunkOfEntry, chunksOfContext, chunksOfText } from '../../../src/datasets/formats/shipped-chunks.js';
import { crossFileBlock } from '../../../src/prompt/cross-file-block.js';
import { createRng } from '../../../src/tensor/rng.js';
import { blockOf } from '../../datasets/samples.js';

const NONE = (): void => undefined;
const never = (what: string): void => {
  assert.fail(what);
};

describe('the text block of a benchmark', () => {
  test('gives paths and uncommented texts, in order, under both comment marks', () => {
    for (const mark of ['#', '//'] as const) {
      const block = blockOf(mark, ['a/b.py', 'def f(x):\n    return x'], ['c.py', 'y = 1']);
      assert.deepEqual(
        chunksOfText(block).map(({ path, text, score, startLine }) => [path, text, score, startLine]),
        [
          ['a/b.py', 'def f(x):\n    return x', null, null],
          ['c.py', 'y = 1', null, null],
        ],
      );
    }
  });

  test('is shown again to the character, whatever its lines end with', () => {
    const odd =
      '# Here are some relevant code fragments from other files of the repo:\r\n\r\n' +
      '# the below code fragment can be found in:\r\n# a.py\r\n# one\f two\u2028# three\r\n\r\n\r\n' +
      '# the below code fragment can be found in:\n# b.py\n#\n# four';
    const chunks = chunksOfText(odd);
    assert.equal(crossFileBlock(chunks, 'python'), odd);
    // Python's splitlines cuts at the form feed: the rest of that line has lost its mark and stays as it is.
    assert.deepEqual(
      chunks.map(({ text }) => text),
      ['one\n two\nthree', '\nfour'],
    );
  });

  test('shows its first chunks as a beginning of itself', () => {
    const block = blockOf('#', ['a.py', 'a'], ['b.py', 'b'], ['c.py', 'c']);
    const two = crossFileBlock(chunksOfText(block).slice(0, 2), 'python');
    assert.ok(block.startsWith(two) && two.includes('b.py') && !two.includes('c.py'));
  });

  test('of our own making is read back as the chunks it was made of, and as itself', () => {
    const rng = createRng(5);
    const pieces = ['a', 'é', '🌱', ' ', '\t', '#', '//', 'x = 1', '"""', '\n', '\n    ', 'def f():'];
    for (let round = 0; round < 500; round++) {
      const chunks = Array.from({ length: 1 + rng.int(4) }, (_, i) => ({
        path: `p${i}/f.py`,
        // Benchmarks drop blank lines before they cut chunks, so their chunks have none.
        text: Array.from({ length: 1 + rng.int(9) }, () => pieces[rng.int(pieces.length)]!)
          .join('')
          .split('\n')
          .filter((line) => line.trim() !== '')
          .join('\n'),
      })).filter(({ text }) => text !== '');
      const block = crossFileBlock(chunks, 'python');
      const read = chunksOfText(block);
      assert.deepEqual(
        read.map(({ path, text }) => ({ path, text })),
        chunks,
      );
      assert.equal(crossFileBlock(read, 'python'), block);
    }
  });

  test('without a marker is not taken for a chunk, and that is said', () => {
    const said: string[] = [];
    assert.deepEqual(
      chunksOfContext('# some summary', (what) => said.push(what)),
      [],
    );
    assert.match(said[0]!, /no fragment marker/);
  });
});

describe('a context with a list', () => {
  const list = [
    { retrieved_chunk: 'def f():\n\n    pass', filename: 'a.py', score: 0.75 },
    { retrieved_chunk: 'y', filename: 'b.py', score: null },
  ];

  test('gives scores and texts of the list, and the text of the block where both agree', () => {
    const text = blockOf('#', ['a.py', 'def f():\n    pass'], ['b.py', 'y']);
    const chunks = chunksOfContext({ text, list }, never);
    assert.deepEqual(
      chunks.map(({ path, text: code, score }) => [path, code, score]),
      [
        ['a.py', 'def f():\n\n    pass', 0.75],
        ['b.py', 'y', null],
      ],
    );
    assert.equal(crossFileBlock(chunks, 'python'), text);
  });

  test('is used alone, and that is said, where the text shows something else', () => {
    const said: string[] = [];
    const chunks = chunksOfContext({ text: blockOf('#', ['b.py', 'y']), list }, (what) => said.push(what));
    assert.equal(chunks.length, 2);
    assert.ok(chunks.every(({ shown }) => shown === undefined));
    assert.match(said[0]!, /the list is used/);
  });

  test('that is empty, or no context at all, is no chunk', () => {
    for (const nothing of ['', {}, { text: '', list: [] }]) {
      assert.deepEqual(chunksOfContext(nothing, NONE), []);
    }
  });
});

describe('an entry of crossfile_array', () => {
  test('is a path and, after its line, the chunk as it is', () => {
    assert.deepEqual(
      ['a.py\nx\n\ny\n', 'a.py\r\nx', 'a.py'].map((entry) => {
        const { path, text } = chunkOfEntry(entry);
        return [path, text];
      }),
      [
        ['a.py', 'x\n\ny\n'],
        ['a.py', 'x'],
        ['a.py', ''],
      ],
    );
  });
});
