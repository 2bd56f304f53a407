/**
 * @file The start as the mean of a chunk, fitted into a real projector, and the beginning of a decoder as an encoder.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import { DecoderLayersEncoder } from '../../src/model/ort/decoder-layers-encoder.js';
import { openDecoder } from '../../src/model/ort/open.js';
import { openDifferentiableProjector } from '../../src/model/ort/training/open.js';
import { readEncoderStatistics, writeEncoderStatistics } from '../../src/model/weights/encoder-statistics.js';
import { matrixOf, meanRow, normalizeRows, row, stackRows, type Matrix } from '../../src/tensor/matrix.js';
import {
  inverseDocumentFrequency,
  meanOfChunkStart,
  type FittedStart,
} from '../../src/training/start/mean-of-chunk.js';
import { linearDecoder, randomIds } from '../support/linear-models.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const OPTIONS = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-start-'));
  writeTinyBundle(folder);
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** The mean of the rows, [1, cols]. */
const meanOf = (matrix: Matrix): Matrix => matrixOf(1, matrix.cols, meanRow(matrix));

describe('the start mean-of-chunk', () => {
  const [V, C] = [50, 8];
  const decoder = linearDecoder(V, C);
  const ids = Array.from({ length: 300 }, (_, i) => randomIds(12, V, i));

  for (const k of [1, 2]) {
    test(`makes the outputs the wanted means, ${k} soft tokens a chunk`, async () => {
      // The input is the plain mean of each part: all that the wanted outputs need, but for the weights of the tokens.
      const part = 12 / k;
      const vectors = matrixOf(300, k * C, new Float32Array(300 * k * C));
      for (const [n, own] of ids.entries()) {
        const embedded = decoder.embed(own);
        for (let t = 0; t < 12; t++) {
          for (let c = 0; c < C; c++)
            row(vectors, n)[Math.floor(t / part) * C + c]! += row(embedded, t)[c]! / part;
        }
      }
      const projector = await openDifferentiableProjector(
        { layers: 3, inputWidth: k * C, hiddenWidths: [4 * C, 4 * C], outputWidth: k * C },
        { threads: 1 },
      );
      const { parameters, explained } = await meanOfChunkStart(
        { kind: 'mean-of-chunk', layers: 0, centred: true, scale: 1 },
        {
          ...{ decoder, projector, chunks: { ids, vectors: normalizeRows(vectors) }, tokensPerChunk: k },
          ...{ rows: [...ids.keys()], seed: 1 },
        },
      );
      assert.ok(explained !== null && explained > 0.8, String(explained));
      const made = await projector.forward(parameters, normalizeRows(vectors));
      // Centred: the outputs of all chunks together are nearly 0, those of one chunk are as long as embeddings.
      const lengths = Array.from({ length: 300 }, (_, n) => Math.hypot(...row(made, n)));
      const embeddingLength = Array.from({ length: V }, (_, v) => Math.hypot(...row(decoder.embeddings, v)));
      const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      const ratio = mean(lengths) / (Math.sqrt(k) * mean(embeddingLength));
      assert.ok(ratio > 0.8 && ratio < 1.1, String(ratio));
      await projector.dispose();
    });
  }

  /** Four parts of each chunk, of which the vector says nothing but their mean. */
  const fourParts = async (
    chunks: readonly (readonly TokenId[])[],
    rows: readonly number[],
  ): Promise<FittedStart> => {
    const vectors = normalizeRows(
      stackRows(
        chunks.map((own) => meanOf(decoder.embed(own))),
        C,
      ),
    );
    const projector = await openDifferentiableProjector(
      { layers: 3, inputWidth: C, hiddenWidths: [128, 128], outputWidth: 4 * C },
      { threads: 1 },
    );
    const found = await meanOfChunkStart(
      { kind: 'mean-of-chunk', layers: 0, centred: true, scale: 1 },
      { decoder, projector, chunks: { ids: chunks, vectors }, rows, tokensPerChunk: 4, seed: 1 },
    );
    await projector.dispose();
    return found;
  };
  const everyRow = [...ids.keys()];

  test('does not learn chunks by heart where a vector says little about its parts', async () => {
    // A mean of twelve tokens holds a quarter of what the means of three of them vary by; 270 chunks are fitted with 128
    // units, and the weakest ridge would do worse on chunks held back than their mean does.
    const { explained } = await fourParts(ids, everyRow);
    assert.ok(explained !== null && explained > 0.1 && explained < 0.3, String(explained));
  });

  test('looks at no chunk but those it may look at', async () => {
    const rows = everyRow.filter((i) => i % 3 > 0);
    const other = ids.map((own, i) => (i % 3 === 0 ? randomIds(12, V, 1000 + i) : own));
    const [one, two] = [await fourParts(ids, rows), await fourParts(other, rows)];
    assert.deepEqual(one, two);
    assert.notDeepEqual(one.parameters, (await fourParts(other, everyRow)).parameters);
  });

  test('weighs ids by how few chunks have them, by hand', () => {
    // Two texts: id 0 is in both, id 1 in one, id 2 in none: ln(3/3), ln(3/2), ln(3/1).
    const found = inverseDocumentFrequency(
      [
        [0, 1],
        [0, 0],
      ].map((text) => text.map(tokenId)),
      3,
    );
    for (const [i, wanted] of [0, Math.log(1.5), Math.log(3)].entries()) {
      assert.ok(Math.abs(found[i]! - wanted) < 1e-6);
    }
  });
});

describe('the beginning of a decoder as an encoder', () => {
  test('without layers is the weighted mean of the embeddings, less the mean vector', async () => {
    const decoder = linearDecoder(5, 2);
    const statistics = { mean: Float32Array.of(1, -1), idf: Float32Array.of(0, 1, 3, 0, 0) };
    const encoder = await DecoderLayersEncoder.open(decoder, '', 0, statistics, OPTIONS);
    const [a, b] = [row(decoder.embeddings, 1), row(decoder.embeddings, 2)];
    // Id 0 weighs nothing: (1 a + 3 b) / 4 - mean.
    const made = await encoder.encode([[0, 1, 2].map(tokenId), [tokenId(0)], []]);
    for (const c of [0, 1]) {
      const wanted = (a[c]! + 3 * b[c]!) / 4 - statistics.mean[c]!;
      assert.ok(Math.abs(row(made, 0)[c]! - wanted) < 1e-6);
    }
    assert.deepEqual([...row(made, 1), ...row(made, 2)], [0, 0, 0, 0]);
  });

  test('with layers reads every token, and a chunk has the same vector whatever else is encoded', async () => {
    const path = join(folder, 'decoder');
    const decoder = await openDecoder(path, OPTIONS);
    const statistics = { mean: new Float32Array(decoder.width), idf: null };
    const [one, two] = [1, 2].map((layers) =>
      DecoderLayersEncoder.open(decoder, path, layers, statistics, OPTIONS),
    );
    const encoder = await two!;
    const chunks = [randomIds(9, 200, 1), randomIds(5, 200, 2)];
    const together = await encoder.encode(chunks);
    const alone = await encoder.encode([chunks[1]!]);
    assert.deepEqual(row(together, 1), row(alone, 0));
    const changed = await encoder.encode([[...chunks[1]!.slice(0, -1), tokenId(7)]]);
    assert.notDeepEqual(row(changed, 0), row(alone, 0));
    assert.notDeepEqual(row(await (await one!).encode([chunks[1]!]), 0), row(alone, 0));
    assert.notEqual((await one!).identity, encoder.identity);
    await assert.rejects(
      DecoderLayersEncoder.open(decoder, path, 3, statistics, OPTIONS),
      /has 2 layers, not 3/,
    );
    for (const model of [encoder, await one!, decoder]) await model.dispose();
  });

  test('keeps its statistics in a file, which is refused for another decoder', async () => {
    const path = join(folder, 'statistics.safetensors');
    const statistics = { mean: Float32Array.of(1, 2), idf: Float32Array.of(3, 4, 5) };
    await writeEncoderStatistics(path, statistics);
    assert.deepEqual(readEncoderStatistics(path, 2, 3), statistics);
    assert.deepEqual(readEncoderStatistics(path, 2, null), { ...statistics, idf: null });
    assert.throws(() => readEncoderStatistics(path, 3, 3), /mean is \[2\], expected \[3\]/);
    assert.throws(() => readEncoderStatistics(path, 2, 4), /trained for another decoder|idf is \[3\]/);
  });
});
