/**
 * @file Graphs of strangers that run in circles or share values without end: the rewrite ends, with a message or not.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { newNode, readExportedModel, type ExportedModel } from '../../src/onnx/exported-model.js';
import { ExportError } from '../../src/onnx/exported-decoder-io.js';
import { rewriteDecoder } from '../../src/onnx/rewrite-decoder.js';

const EXPORT = fileURLToPath(new URL('../golden/exports/qwen2/onnx/model.onnx.gz', import.meta.url));
const sound = readExportedModel(gunzipSync(readFileSync(EXPORT)));

const withNodes = (...nodes: ExportedModel['nodes']): ExportedModel => ({ ...sound, nodes });

const chain = (operator: string, from: string, to: string, length: number): ExportedModel['nodes'] =>
  Array.from({ length }, (_, i) =>
    newNode(operator, `n${i}`, [i === 0 ? from : `v${i}`], [i === length - 1 ? to : `v${i + 1}`]),
  );

/** Runs the rewrite; a refusal is an answer. */
function end(model: ExportedModel): string {
  try {
    rewriteDecoder(model);
    return 'rewritten';
  } catch (error) {
    assert.ok(error instanceof ExportError, String(error));
    return error.message;
  }
}

describe('a graph of a stranger', () => {
  test('whose ids run in a circle is refused', () => {
    const model = withNodes(
      newNode('Identity', 'a', ['input_ids'], ['forth']),
      newNode('Identity', 'b', ['forth'], ['back']),
      newNode('Identity', 'c', ['back'], ['forth']),
    );
    assert.match(end(model), /no node looks embeddings up/);
  });

  test('whose table is made out of itself is refused', () => {
    const model = withNodes(
      newNode('Identity', 'a', ['table'], ['table']),
      newNode('Gather', 'b', ['table', 'input_ids'], ['found']),
    );
    assert.match(end(model), /more than 32 nodes away/);
  });

  test('whose table stands behind 100,000 nodes is refused', () => {
    const weight = sound.initializers[0]!.name;
    const model = withNodes(
      ...chain('Identity', weight, 'table', 100_000),
      newNode('Gather', 'b', ['table', 'input_ids'], ['found']),
    );
    assert.match(end(model), /more than 32 nodes away/);
  });

  test('whose logits are doubled sixty times over is rewritten without a look at each of 2^60 ways', () => {
    const doubled = Array.from({ length: 60 }, (_, i) =>
      newNode('Add', `d${i}`, [`x${i}`, `x${i}`], [i === 59 ? 'logits' : `x${i + 1}`]),
    );
    const nodes = sound.nodes.map((node) =>
      node.outputs.includes('logits') ? { ...node, outputs: ['x0'] } : node,
    );
    assert.equal(end(withNodes(...nodes, ...doubled)), 'rewritten');
  });

  test('whose logits are made out of themselves is rewritten, and the runtime refuses it', () => {
    const nodes = sound.nodes.map((node) =>
      node.outputs.includes('logits') ? newNode('Add', 'self', ['logits', 'logits'], ['logits']) : node,
    );
    assert.equal(end(withNodes(...nodes)), 'rewritten');
  });
});
