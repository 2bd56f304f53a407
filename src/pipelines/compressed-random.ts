/**
 * @file `compressed-random`: the control that must fail. `compressed`, with noise in the place of what was read.
 *
 * random unit vector -> projector -> k soft tokens.
 *
 * Prompt, places, projector and decoder are those of `compressed`, so its TTFT is too. What `compressed` scores
 * above it comes from the vectors of the right chunks; what both score above `no-context` comes from soft tokens
 * being there at all. Vectors are Gaussian, scaled to length 1, drawn from the run's seed, the task and the rank
 * of the chunk alone: resuming, sharding and the other rows of a run change nothing. No encoder runs, so that
 * `encodeMs` is 0.
 */

import { stopwatch } from '../domain/clock.js';
import { sha256 } from '../domain/hash.js';
import { ms } from '../domain/units.js';
import { splitSoftTokens } from '../inference/soft-tokens.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { matrixOf, normalizeRows, row, type Matrix } from '../tensor/matrix.js';
import { createRng } from '../tensor/rng.js';
import type { Compressor } from './compressor.js';
import { inFileContext } from './in-file.js';
import { NO_TEXT, type Pipeline, type PipelineResources } from './pipeline.js';

export function compressedRandomPipeline(
  resources: Pick<PipelineResources, 'setting' | 'seed'> & {
    readonly compressor: () => Pick<Compressor, 'projector' | 'tokensPerChunk'>;
  },
): Pipeline {
  const { setting, seed } = resources;
  const { projector, tokensPerChunk } = resources.compressor();
  return {
    name: 'compressed-random',
    async prepare(task, chunks) {
      const { clock, format, placement } = setting;
      const tokenizing = stopwatch(clock);
      const inFile = inFileContext(setting, task);
      const context = { kind: 'soft', count: chunks.length * tokensPerChunk } as const;
      const prompt = assemblePrompt(format, { ...inFile, context, placement });
      const tokenizeMs = tokenizing();

      const ranks = [...chunks.keys()];
      const ordered = setting.chunkOrder === 'best-last' ? ranks.toReversed() : ranks;
      const vectors = randomUnitVectors(
        ordered.map((rank) => [seed, task.id, rank]),
        projector.inputWidth,
      );
      const projecting = stopwatch(clock);
      const soft = splitSoftTokens(await projector.project(vectors), tokensPerChunk);
      return { prompt, soft, text: NO_TEXT, inFile, tokenizeMs, encodeMs: ms(0), projectMs: projecting() };
    },
  };
}

/**
 * Points spread evenly over the unit sphere, one a key; the same key gives the same point.
 *
 * @param keys  Anything that JSON can write.
 * @param width Of a vector.
 */
export function randomUnitVectors(keys: readonly unknown[], width: number): Matrix {
  const vectors = matrixOf(keys.length, width, new Float32Array(keys.length * width));
  for (const [r, key] of keys.entries()) {
    const rng = createRng(Number.parseInt(sha256(JSON.stringify(key)).slice(0, 12), 16));
    row(vectors, r).forEach((_, c, values) => {
      values[c] = rng.normal();
    });
  }
  return normalizeRows(vectors);
}
