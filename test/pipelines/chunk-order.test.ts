import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import { compressedPipeline } from '../../src/pipelines/compressed.js';
import { fullRagPipeline } from '../../src/pipelines/full-rag.js';
import type { PromptSetting } from '../../src/pipelines/in-file.js';
import { crossFileBlock, crossFileHeader } from '../../src/prompt/cross-file-block.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';

import {
  fakeEncoder,
  fakeProjector,
  fakeTask,
  fakeTokenizer,
  tickingClock,
  fakeFormat,
} from '../support/fakes.js';

const TASK = fakeTask('r/1', 'p', 'answer', 's');
/** Best first; one token a character, so that a block costs its length. */
const CHUNKS: readonly ScoredChunk[] = ['short;', 'x'.repeat(60), 'tiny;'].map((text, i) => ({
  path: `c${i}.ts`,
  startLine: 1,
  endLine: 1,
  text,
  score: -i,
}));
const [BEST, LONG, WORST] = [CHUNKS[0]!, CHUNKS[1]!, CHUNKS[2]!];
const block = (...chunks: ScoredChunk[]): string => crossFileBlock(chunks, 'typescript');

const setting = (contextTokens: number): PromptSetting => ({
  tokenizer: fakeTokenizer,
  format: fakeFormat,
  budget: { leftTokens: 40, rightTokens: 20, contextTokens },
  placement: 'before-prefix',
  chunkOrder: 'best-last',
  clock: tickingClock(),
});

/** The part of a full-rag prompt that is the block. */
async function shown(contextTokens: number): Promise<string> {
  const { prompt } = await fullRagPipeline({ setting: setting(contextTokens) }).prepare(TASK, CHUNKS);
  const text = fakeTokenizer.decode(prompt.ids);
  return text.slice(text.indexOf(crossFileHeader('typescript')), -'ps'.length);
}

describe('best last', () => {
  test('puts the best chunk next to the code where all fit', async () => {
    assert.equal(await shown(1000), block(WORST, LONG, BEST));
  });

  test('leaves out whole chunks that do not fit, and takes later ones that do', async () => {
    assert.equal(await shown(block(BEST, LONG, WORST).length - 1), block(LONG, BEST));
    assert.equal(await shown(block(BEST, LONG).length - 1), block(WORST, BEST));
    assert.equal(await shown(block(BEST).length), block(BEST));
  });

  test('cuts the best chunk only where it does not fit alone', async () => {
    const limit = block(BEST).length - 4;
    assert.equal(await shown(limit), block(BEST).slice(0, limit));
  });

  test('holds for soft tokens as well', async () => {
    const compressor = {
      encoder: fakeEncoder,
      tokenizer: fakeTokenizer,
      template: unixcoderTemplate(fakeTokenizer, 64),
      normalize: false,
      projector: fakeProjector,
      tokensPerChunk: 1,
    };
    const soft = async (chunkOrder: 'best-first' | 'best-last'): Promise<number[]> => {
      const prepared = await compressedPipeline({
        setting: { ...setting(1), chunkOrder },
        compressor: () => compressor,
      }).prepare(TASK, CHUNKS);
      // The fake encoder's first number is the length of its input.
      return [0, 2, 4].map((at) => prepared.soft!.data[at]!);
    };
    const first = await soft('best-first');
    assert.equal(new Set(first).size, 3);
    assert.deepEqual(await soft('best-last'), first.toReversed());
  });
});
