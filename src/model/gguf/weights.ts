/**
 * @file The weights of a decoder out of a GGUF file.
 *
 * Flow: file -> architecture by its metadata -> **weights by the names that graphs ask for**.
 */

import { ModelError } from '../../domain/errors.js';
import { identityOf } from '../folder/model-hash.js';
import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import { CheckpointWeights, type TensorStore } from '../weights/safetensors.js';
import { readGgufArchitecture, ROPE_DIVISORS } from './configuration.js';
import { GgufFile } from './gguf-file.js';
import { ggufNames, HalvesApart } from './tensor-names.js';

/** Most stray tensors that a message names. */
const MAX_SHOWN = 8;

/** A file whose header was read: its tensors and metadata. */
export type GgufSource = TensorStore & { readonly metadata: GgufFile['metadata'] };

/** The weights of a decoder as a header describes them; a graph asks for them. */
export interface GgufWeights {
  readonly architecture: DecoderArchitecture;
  readonly weights: CheckpointWeights;
  /**
   * Called when a graph asked for all its weights.
   *
   * @throws {ModelError} If one is missing or cannot be read, or if the graph left one out.
   */
  requireUsable(): void;
}

/**
 * The weights in a file, read or not.
 *
 * @throws {ModelError} If the architecture is not supported.
 */
export function ggufWeights(source: GgufSource): GgufWeights {
  const architecture = readGgufArchitecture(source, () => source.read(ROPE_DIVISORS));
  const names = ggufNames(architecture);
  const isPermuted = source.metadata.get('general.architecture') === 'llama';
  const store = isPermuted ? new HalvesApart(source, architecture.headWidth) : source;
  const weights = new CheckpointWeights(store, (name) => names.get(name) ?? name);
  return {
    architecture,
    weights,
    requireUsable: () => {
      weights.assertComplete(`the metadata of ${source.path}`);
      requireAllRead(source, weights);
    },
  };
}

/** See `DecoderWeights` of `decoder-files.ts`. */
export interface OpenGgufWeights extends GgufWeights {
  identify(): Promise<string>;
  close(): void;
}

/**
 * Opens a file as the weights of a decoder.
 *
 * @throws {ModelError} If the file is not usable, or the architecture is not supported.
 */
export function openGgufWeights(path: string): OpenGgufWeights {
  const file = GgufFile.open(path);
  try {
    const found = ggufWeights(file);
    return {
      ...found,
      identify: () => {
        found.requireUsable();
        return identityOf('decoder, gguf', file.files);
      },
      close: () => {
        file.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * A tensor that nobody asked for belongs to something that the graph does not compute.
 *
 * @throws {ModelError} Naming such tensors.
 */
function requireAllRead({ path, tensors }: GgufSource, { asked }: CheckpointWeights): void {
  const stray = [...tensors.keys()].filter((name) => name !== ROPE_DIVISORS && !asked.has(name));
  if (stray.length === 0) return;
  const more = stray.length - MAX_SHOWN;
  throw new ModelError(
    `${path}: holds ${stray.length === 1 ? 'a tensor' : `${stray.length} tensors`} that this version has no use for`,
    [
      `${stray.slice(0, MAX_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      'running the model without them would give other numbers than it was trained for',
    ],
  );
}
