/**
 * @file A model folder for transformers.js, made without Python: our own decoder graph behind a door of
 * token ids, under the names that transformers.js feeds.
 *
 * The strongest export there can be for it: the same fused operators, logits of the last position only,
 * and of the mask no more than its sum. What is left between the two sides is what surrounds the runtime.
 *
 * Shape letters: T new positions, S past positions, C width, V vocabulary, K key/value heads,
 * D head width.
 */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { Checkpoint } from '../../src/model/weights/checkpoint.js';
import { readDecoderConfig } from '../../src/model/architecture/config.js';
import { CheckpointWeights } from '../../src/model/weights/safetensors.js';
import { causalLayers } from '../../src/onnx/fused-layers.js';
import { embeddingTensor, type DecoderArchitecture } from '../../src/onnx/decoder-graph.js';
import { Graph } from '../../src/onnx/graph.js';
import { encodeModel } from '../../src/onnx/model-proto.js';
import { cast, gatherRows, gemm, positionsFrom, reduceSum, reshape, sub } from '../../src/onnx/operators.js';
import type { WeightSource } from '../../src/onnx/weights.js';

/** Writes such a folder for a checkpoint in fp32 whose head is its embedding table. */
export function writePeerExport(checkpointDir: string, folder: string): void {
  const architecture = readDecoderConfig(join(checkpointDir, 'config.json'));
  const checkpoint = Checkpoint.open(checkpointDir);
  try {
    const weights = new CheckpointWeights(checkpoint);
    const model = encodeModel(graphWithIds(architecture, weights));
    mkdirSync(join(folder, 'onnx'), { recursive: true });
    writeFileSync(join(folder, 'onnx', 'model.onnx'), model);
  } finally {
    checkpoint.close();
  }
  writeConfigWithoutStop(checkpointDir, folder);
}

/** A folder for transformers.js around the ONNX file of an export that optimum made. */
export function arrangeExport(exportDir: string, folder: string): void {
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  copyFileSync(join(exportDir, 'model.onnx'), join(folder, 'onnx', 'model.onnx'));
  writeConfigWithoutStop(exportDir, folder);
}

/** All sides generate the same number of tokens: none may end early on a stop token of its configuration. */
function writeConfigWithoutStop(from: string, folder: string): void {
  const text = readFileSync(join(from, 'config.json'), 'utf8');
  const config = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  delete config.eos_token_id;
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'generation_config.json'), '{}');
}

function graphWithIds(architecture: DecoderArchitecture, weights: WeightSource): Graph {
  const { width: C, vocabularySize: V, kvHeads: K, headWidth: D } = architecture;
  if (!architecture.tiedHead) throw new Error('the head is a table of its own; this graph has only one');
  const g = new Graph('decoder');
  const precision = { type: 'float32', matrices: 'float' } as const;
  const ids = g.input('input_ids', 'int64', [1, 'T']);
  const mask = g.input('attention_mask', 'int64', [1, 'S+T']);
  const { name } = embeddingTensor(architecture);
  const table = g.streamedWeight(name, 'float32', [V, C], weights.tensor(name, [V, C]));

  const keys = cast(g, reduceSum(g, mask, 1), 'int32');
  const last = causalLayers(g, gatherRows(g, table, ids), architecture, weights, precision, {
    lastKey: sub(g, keys, g.constant('int32', [1], [1])),
    totalKeys: reshape(g, keys, []),
    past: (layer) => ({
      key: g.input(`past_key_values.${layer}.key`, 'float32', [1, K, 'S', D]),
      value: g.input(`past_key_values.${layer}.value`, 'float32', [1, K, 'S', D]),
    }),
    onPresent: (layer, key, value) => {
      g.output(`present.${layer}.key`, key);
      g.output(`present.${layer}.value`, value);
    },
    select: (x) => positionsFrom(g, x, g.constant('int64', [1], [-1])),
  });
  const logits = gemm(g, reshape(g, last, [1, C]), table, null);
  g.output('logits', reshape(g, logits, [1, 1, V]));
  return g;
}
