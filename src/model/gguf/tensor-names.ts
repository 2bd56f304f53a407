/**
 * @file The tensors of a GGUF file under the names and in the order of rows that graphs ask for.
 *
 * Two things differ from a Hugging Face checkpoint: the names, and in models of the architecture `llama`
 * the rows of queries and keys. There the two rows of a rotated pair stand next to each other, while a
 * checkpoint has the first row of every pair in the first half of a head, and the second in the second half.
 *
 * Source: `gguf-py/gguf/tensor_mapping.py` and `LlamaModel.permute` of llama.cpp.
 */

import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import { tensorNames } from '../../onnx/causal-layers.js';
import type { StoredBlocks } from '../../onnx/weights.js';
import type { TensorStore } from '../weights/safetensors.js';

/** GGUF names by the names of a Hugging Face checkpoint. */
export function ggufNames(architecture: DecoderArchitecture): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const add = (theirs: string, ours: string): void => {
    for (const part of ['weight', 'bias']) names.set(`${theirs}.${part}`, `${ours}.${part}`);
  };
  const outer = tensorNames(architecture);
  names.set(outer.embedding, 'token_embd.weight');
  names.set('lm_head.weight', 'output.weight');
  add(outer.finalNorm, 'output_norm');
  for (let index = 0; index < architecture.layers; index++) {
    const layer = outer.layer(index);
    const block = `blk.${index}`;
    add(layer.attentionNorm, `${block}.attn_norm`);
    add(layer.feedForwardNorm, `${block}.ffn_norm`);
    for (const [i, letter] of ['q', 'k', 'v'].entries()) {
      const projection = layer.queryKeyValue[i];
      if (projection !== undefined) add(projection.name, `${block}.attn_${letter}`);
    }
    add(`${layer.attention}.q_norm`, `${block}.attn_q_norm`);
    add(`${layer.attention}.k_norm`, `${block}.attn_k_norm`);
    add(layer.attentionOutput, `${block}.attn_output`);
    if (layer.gate !== null) add(layer.gate, `${block}.ffn_gate`);
    add(layer.up, `${block}.ffn_up`);
    add(layer.down, `${block}.ffn_down`);
  }
  return names;
}

const ROTATED = /^blk\.\d+\.attn_[qk]\.(?:weight|bias)$/;

/** The same tensors, with rows of queries and keys in the order of a Hugging Face checkpoint. */
export class HalvesApart implements TensorStore {
  readonly path: string;
  readonly tensors: TensorStore['tensors'];
  readonly readableTypes: readonly string[];
  readonly #file: TensorStore;
  readonly #headWidth: number;

  constructor(file: TensorStore, headWidth: number) {
    this.path = file.path;
    this.tensors = file.tensors;
    this.readableTypes = file.readableTypes;
    this.#file = file;
    this.#headWidth = headWidth;
  }

  /** As `GgufFile.read`. */
  read(name: string, from = 0, to?: number): Float32Array {
    const shape = this.tensors.get(name)?.shape ?? [];
    if (!ROTATED.test(name)) return this.#file.read(name, from, to);
    const rowNumbers = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const end = to ?? shape[0] ?? 0;
    const out = new Float32Array((end - from) * rowNumbers);
    this.#reorder(name, from, end, out, (first, last) => this.#file.read(name, first, last));
    return out;
  }

  /** As `GgufFile.blocks`. */
  blocks(name: string): StoredBlocks | null {
    const found = this.#file.blocks?.(name) ?? null;
    if (found === null || !ROTATED.test(name)) return found;
    const cols = this.tensors.get(name)!.shape[1]!;
    return {
      ...found,
      codes: (from, to) => {
        const out = new Int8Array((to - from) * cols);
        this.#reorder(name, from, to, out, found.codes);
        return out;
      },
      scales: (from, to) => {
        const out = new Float32Array(((to - from) * cols) / found.blockSize);
        this.#reorder(name, from, to, out, found.scales);
        return out;
      },
    };
  }

  /** Fills `out` with rows [from, to) of a checkpoint, out of the rows that `read` gives of the file. */
  #reorder<T extends Float32Array | Int8Array>(
    name: string,
    from: number,
    to: number,
    out: T,
    read: (first: number, last: number) => T,
  ): void {
    const rows = this.tensors.get(name)!.shape[0]!;
    const width = this.#headWidth;
    // Whole heads, since a row may come from anywhere in its head.
    const first = Math.floor(from / width) * width;
    const data = read(first, Math.min(rows, Math.ceil(to / width) * width));
    const rowNumbers = out.length / (to - from);
    for (let row = from; row < to; row++) {
      const within = row % width;
      const half = width / 2;
      const source = row - within + 2 * (within % half) + Math.floor(within / half) - first;
      out.set(data.subarray(source * rowNumbers, (source + 1) * rowNumbers), (row - from) * rowNumbers);
    }
  }
}
