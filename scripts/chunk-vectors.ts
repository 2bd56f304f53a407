/**
 * @file The chunks of a run as vectors, before and after projectors, for `projector-geometry.ts` and `ablations.ts`.
 */

import { loadModels } from '../src/comparison/models/load-models.js';
import { compareCodePoints } from '../src/domain/text.js';
import { sha256 } from '../src/domain/hash.js';
import { checkProjectorFits, openProjector } from '../src/model/ort/open.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { splitSoftTokens } from '../src/inference/soft-tokens.js';
import { encoderInput, encoderTemplate } from '../src/prompt/encoder-input.js';
import { readTaskEvidence } from '../src/run/task-evidence.js';
import { normalizeRows } from '../src/tensor/matrix.js';
import { geometryOf, type Geometry } from '../src/probe/geometry.js';

/**
 * The texts of the chunks that a run showed, each once, at most so many: chosen by hash, so that no file comes first.
 *
 * @param path The run's `tasks.jsonl`.
 */
export async function chunkTexts(path: string, limit: number): Promise<string[]> {
  const evidence = await readTaskEvidence(path);
  if (evidence === null) throw new Error(`${path}: is not there; the chunks of a run are read from it`);
  const texts = new Set([...evidence.tasks.values()].flatMap(({ chunks }) => chunks.map(({ text }) => text)));
  return [...texts]
    .map((text) => [sha256(text), text] as const)
    .sort(([a], [b]) => compareCodePoints(a, b))
    .slice(0, limit)
    .map(([, text]) => text);
}

/**
 * The geometry of chunk vectors as the encoder gives them, and of the soft tokens of each projector.
 *
 * @param bundle     Whose encoder and decoder are used.
 * @param projectors Files; without any, the bundle's own under the name ''.
 */
export async function projectorGeometries(
  bundle: string,
  projectors: readonly string[],
  texts: readonly string[],
): Promise<{ readonly encoder: Geometry; readonly projectors: ReadonlyMap<string, Geometry> }> {
  const options = { device: 'cpu', dtype: 'fp32', threads: defaultThreads() } as const;
  const models = await loadModels(
    {
      ...{ bundle, decoder: undefined, tokenizer: undefined, encoder: undefined, projector: undefined },
      ...{ decoderFiles: undefined, allowsPrefixCache: false },
      ...{
        softPrompt: undefined,
        retrieverEncoder: undefined,
        promptFamily: undefined,
        promptTemplate: undefined,
        encoderInput: undefined,
      },
    },
    { compression: true, softLength: false, embedder: false },
    { ...options, isRequired: false },
    {},
    () => performance.now(),
  );
  try {
    const { encoder, tokenizer, projector: own, conventions } = models.compression!;
    const template = encoderTemplate(conventions.input, tokenizer, conventions.maxTokens);
    const encoded = await encoder.encode(texts.map((text) => encoderInput(template, tokenizer.encode(text))));
    const vectors = conventions.normalize ? normalizeRows(encoded) : encoded;
    const geometries = new Map<string, Geometry>();
    for (const path of projectors.length === 0 ? [''] : projectors) {
      const projector = path === '' ? own : await openProjector(path, options);
      const k = checkProjectorFits(projector, encoder, models.decoder.decoder);
      geometries.set(path, geometryOf(splitSoftTokens(await projector.project(vectors), k)));
      if (projector !== own) await projector.dispose();
    }
    return { encoder: geometryOf(vectors), projectors: geometries };
  } finally {
    await models.dispose();
  }
}
