/**
 * @file Turns a ready-made decoder export into one that our pipelines can enter.
 *
 * Flow: exported model -> **embedding split off, head on the last position** -> two ONNX files.
 * Exports take token ids and return logits for every position. Soft tokens are vectors, so the rewrite takes the
 * embedding lookup off: it becomes a small model of its own, and the decoder starts with `inputs_embeds`. Only the
 * logits of the last position are of use, and for the others the head would cost vocabulary x length in time and
 * memory. Everything else stays the bytes that it was. Pure: no files.
 *
 * Layouts: optimum's `text-generation-with-past` and those of transformers.js, plain or quantized
 * (dynamic int8, `MatMulNBits`, `GatherBlockQuantized`), with or without external data.
 */

import {
  DATA_TYPE,
  encodeExportedModel,
  integerAttributes,
  newIntegers,
  newNode,
  newValue,
  type ExportedModel,
  type ExportedNode,
  type ExportedValue,
} from './exported-model.js';
import {
  EMBEDDINGS,
  ExportError,
  IDS,
  keepsLastLogits,
  readDecoderIo,
  type ExportedDecoderIo,
} from './exported-decoder-io.js';
import { Wiring, withInputs } from './wiring.js';

export interface RewrittenDecoder {
  /** ONNX bytes of the decoder that takes `inputs_embeds`. */
  readonly decoder: Uint8Array;
  /** ONNX bytes of the lookup: `input_ids` int64 [1, n] -> `inputs_embeds` float32 [1, n, C]. */
  readonly lookup: Uint8Array;
  readonly io: ExportedDecoderIo;
}

/** Nodes in a row that are followed in search of a table or of the head. Exports have at most five. */
const MOST_STEPS = 32;

/**
 * Splits the lookup off and cuts the head's work down to the positions that are asked for.
 *
 * A head that is built in an unknown way is left alone, and `io.scoresAskedOnly` is false. The result is then right,
 * but slower.
 *
 * @throws {ExportError} If the graph has no `input_ids`, uses them for anything but one lookup and
 *   their shape, or has inputs whose meaning is unknown.
 */
export function rewriteDecoder(model: ExportedModel): RewrittenDecoder {
  const io = readDecoderIo(model);
  const branching = model.nodes.find(({ hasSubgraph }) => hasSubgraph);
  if (branching !== undefined) {
    throw new ExportError(
      `its node ${branching.name || '(unnamed)'} (${branching.operator}) holds a graph of its own`,
    );
  }
  const graph = new Wiring(model);
  const lookup = splitLookup(graph);
  const keepsLast = keepsLastLogits(io);
  const scoredPositions = keepsLast ? null : pickBeforeHead(graph, io.logits);
  floatLogits(graph, io.logits);
  return {
    decoder: encodeExportedModel(graph.pruned()),
    lookup: encodeExportedModel(lookup),
    io: { ...io, scoredPositions, scoresAskedOnly: keepsLast || scoredPositions !== null },
  };
}

const isOnnx = (node: ExportedNode, ...operators: readonly string[]): boolean =>
  node.domain === '' && operators.includes(node.operator);

/** The lookup of a table by ids, plain or block-quantized. */
const isLookup = (node: ExportedNode): boolean =>
  isOnnx(node, 'Gather') || (node.domain === 'com.microsoft' && node.operator === 'GatherBlockQuantized');

/**
 * Makes the graph start with `inputs_embeds`.
 *
 * @returns The lookup as a model of its own.
 */
function splitLookup(graph: Wiring): ExportedModel {
  const ids = graph.inputs.find(({ name }) => name === IDS);
  if (ids === undefined) throw new ExportError('it has neither an input "input_ids" nor "inputs_embeds"');

  const lookups: ExportedNode[] = [];
  const shapes: ExportedNode[] = [];
  const seen = new Set<string>();
  const open = [IDS];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    for (const node of graph.consumers(value)) {
      if (isLookup(node) && node.inputs[1] === value && graph.isConstant(node.inputs[0]!)) lookups.push(node);
      else if (isOnnx(node, 'Shape')) shapes.push(node);
      // Some exporters pass the ids through these on the way to the lookup; [1, n] stays [1, n].
      else if (isOnnx(node, 'Cast', 'Identity', 'Reshape') && node.inputs[0] === value)
        for (const output of node.outputs) open.push(output);
      else {
        throw new ExportError(
          `its node ${node.name || '(unnamed)'} (${node.operator}) reads the token ids; ` +
            'only an embedding lookup can be split off',
        );
      }
    }
  }
  const [lookup, ...others] = lookups;
  if (lookup === undefined) throw new ExportError('no node looks embeddings up by the token ids');
  if (others.length > 0) {
    throw new ExportError(`${lookups.length} nodes look embeddings up by the token ids, expected one`);
  }
  // A table of integers becomes numbers right behind the lookup.
  let found = lookup.outputs[0]!;
  const [reader, ...more] = graph.consumers(found);
  if (reader !== undefined && more.length === 0 && isOnnx(reader, 'DequantizeLinear'))
    found = reader.outputs[0]!;
  const type = tableType(graph, found);

  const batchOfIds = newValue(IDS, DATA_TYPE.int64, [1, 'n']);
  const standalone = lookupModel(graph, found, batchOfIds);

  graph.inputs = [
    newValue(EMBEDDINGS, DATA_TYPE.float32, ['batch_size', 'sequence_length', 'hidden_size']),
    ...graph.inputs.filter(({ name }) => name !== IDS),
  ];
  let start: string = EMBEDDINGS;
  if (type !== DATA_TYPE.float32) {
    start = graph.fresh('embeddings');
    graph.nodes.unshift(newNode('Cast', graph.fresh('cast_embeddings'), [EMBEDDINGS], [start], { to: type }));
  }
  graph.rename(found, start);
  for (const shape of shapes) replaceShape(graph, shape);
  return standalone;
}

/** The lookup alone, its result in float32 under the name `inputs_embeds`. */
function lookupModel(graph: Wiring, found: string, ids: ExportedValue): ExportedModel {
  const alone = new Wiring(graph.pruned([newValue(found, DATA_TYPE.float32, null)], [ids]));
  alone.nodes.push(
    newNode('Cast', alone.fresh('cast_embeddings'), [found], [EMBEDDINGS], { to: DATA_TYPE.float32 }),
  );
  return alone.pruned([newValue(EMBEDDINGS, DATA_TYPE.float32, null)], [ids]);
}

/** Element type of looked-up rows, followed back to the table or to the scales that make it numbers. */
function tableType(graph: Wiring, value: string): number {
  let at = value;
  for (let step = 0; step < MOST_STEPS; step++) {
    const weight = graph.weight(at);
    if (weight !== undefined) return weight.dataType;
    const node = graph.producer(at);
    if (node === undefined) throw new ExportError(`the embedding table ${at} is not a weight`);
    const input = isOnnx(node, 'DequantizeLinear')
      ? 1
      : node.operator === 'GatherBlockQuantized'
        ? 2
        : isOnnx(node, 'Gather', 'Identity', 'Transpose')
          ? 0
          : null;
    const next = input === null ? undefined : node.inputs[input];
    if (next === undefined) {
      throw new ExportError(`the embedding table comes out of a ${node.operator}, which is not understood`);
    }
    at = next;
  }
  throw new ExportError(`the embedding table is more than ${MOST_STEPS} nodes away from its lookup`);
}

/**
 * Shape(input_ids) is [batch, n], or the part of it that `start` and `end` pick. The same numbers now come from the
 * shape of the embeddings.
 */
function replaceShape(graph: Wiring, shape: ExportedNode): void {
  const RANK = 2;
  const attributes = integerAttributes(shape);
  const place = (index: number): number => Math.min(RANK, Math.max(0, index < 0 ? index + RANK : index));
  const sizes = graph.fresh('sizes');
  const [start, end] = [graph.fresh('start'), graph.fresh('end')];
  graph.initializers.push(
    newIntegers(start, [1], [place(attributes.get('start') ?? 0)]),
    newIntegers(end, [1], [place(attributes.get('end') ?? RANK)]),
  );
  graph.replace(
    shape,
    newNode('Shape', graph.fresh('shape'), [EMBEDDINGS], [sizes]),
    newNode('Slice', graph.fresh('slice'), [sizes, start, end], shape.outputs),
  );
}

/** Products whose first input is the hidden state and whose second is a constant matrix. */
const PRODUCTS = new Set([
  'MatMul',
  'MatMulNBits',
  'FusedMatMul',
  'DynamicQuantizeMatMul',
  'MatMulInteger',
  'MatMulIntegerToFloat',
]);

/** Operators that may stand between the head's product and the logits. They work on each position alone. */
const BEHIND_HEAD = new Set(['Cast', 'Identity', 'Mul', 'Div', 'Add', 'Tanh']);

/**
 * Puts a pick of the last position in front of the head.
 *
 * With dynamic quantization, the scale of the hidden state is then that of the last position alone. It is finer than
 * one scale over the whole prompt, so the logits differ a little from the export's.
 *
 * @returns Whether the head was found.
 */
function pickBeforeHead(graph: Wiring, logits: string): string | null {
  const head = findHead(graph, logits);
  if (head === null) return null;
  const picked = graph.fresh('picked_positions');
  const positions = graph.fresh('scored_positions');
  graph.inputs.push(newValue(positions, DATA_TYPE.int64, ['scored']));
  const pick = newNode('Gather', graph.fresh('pick_positions'), [head.hidden, positions], [picked], {
    axis: 1,
  });
  const place = graph.nodes.indexOf(head.reader);
  graph.nodes[place] = withInputs(head.reader, head.hidden, picked);
  graph.nodes.splice(place, 0, pick);
  return positions;
}

/** The node that reads the hidden state for the head, and the value it reads. */
function findHead(
  graph: Wiring,
  value: string,
  seen = new Set<string>(),
): { reader: ExportedNode; hidden: string } | null {
  const node = graph.producer(value);
  if (node === undefined || seen.has(value) || seen.size >= MOST_STEPS) return null;
  seen.add(value);
  if (PRODUCTS.has(node.operator)) {
    const [hidden, matrix] = node.inputs;
    if (hidden === undefined || matrix === undefined || !graph.isConstant(matrix)) return null;
    if (node.operator !== 'MatMulInteger' && node.operator !== 'MatMulIntegerToFloat')
      return { reader: node, hidden };
    const quantize = graph.producer(hidden);
    if (quantize === undefined || !isOnnx(quantize, 'DynamicQuantizeLinear')) return null;
    // Its scale and zero point must not be shared with a product that needs all positions.
    const readers = graph.consumers(hidden);
    if (readers.length > 1) return null;
    return { reader: quantize, hidden: quantize.inputs[0]! };
  }
  if (node.domain !== '' || !BEHIND_HEAD.has(node.operator)) return null;
  for (const input of node.inputs) {
    if (graph.isConstant(input)) continue;
    const head = findHead(graph, input, seen);
    if (head !== null) return head;
  }
  return null;
}

/** Makes the logits float32 if they are not. */
function floatLogits(graph: Wiring, logits: string): void {
  const output = graph.outputs.find(({ name }) => name === logits)!;
  graph.outputs = graph.outputs.map((value) =>
    // The output gets no shape, since the declared one says as many positions as there are ids.
    value === output ? newValue(logits, DATA_TYPE.float32, null) : value,
  );
  if (output.dataType === DATA_TYPE.float32) return;
  const raw = graph.fresh('logits');
  graph.rename(logits, raw);
  graph.nodes = graph.nodes.map((node) =>
    node.outputs.includes(logits)
      ? { ...node, outputs: node.outputs.map((name) => (name === logits ? raw : name)) }
      : node,
  );
  graph.nodes.push(newNode('Cast', graph.fresh('cast_logits'), [raw], [logits], { to: DATA_TYPE.float32 }));
}
