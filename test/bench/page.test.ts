import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { markdownTable, withBlock } from '../../bench/page.js';

describe('bench/page', () => {
  const page = 'top\n<!-- BEGIN a -->\nold\n<!-- END a -->\nmid\n<!-- BEGIN b -->\n<!-- END b -->\n';

  it('replaces its own block and nothing else', () => {
    assert.equal(
      withBlock(page, 'b', 'one\ntwo\n'),
      'top\n<!-- BEGIN a -->\nold\n<!-- END a -->\nmid\n<!-- BEGIN b -->\none\ntwo\n<!-- END b -->\n',
    );
    assert.equal(withBlock(withBlock(page, 'a', 'x'), 'a', 'old'), page);
  });

  it('refuses a block that is not there, and one that is there twice', () => {
    assert.throws(() => withBlock(page, 'c', ''), /one block/);
    assert.throws(() => withBlock(page + page, 'a', ''), /one block/);
  });

  it('writes tables with the first column to the left', () => {
    assert.equal(
      markdownTable([
        ['a', 'b'],
        ['1', '2'],
      ]),
      '| a | b |\n|---|---:|\n| 1 | 2 |',
    );
  });
});
