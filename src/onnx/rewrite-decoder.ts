/**
 * @file Turns a ready-made decoder export into one that our pipelines can enter.
 *
 * Flow: exported model -> **embedding split off, head on the last position** -> two ONNX files.
 * Exports take token ids and return logits for every position. Soft tokens are vectors, so the embedding
 * lookup has to come off: it becomes a small model of its own, and the decoder starts with
 * `inputs_embeds`. Logits are wanted for the last position only; for the others the head would cost
 * vocabulary x length in time and memory. Everything else stays the bytes it was. Pure: no files.
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
  type ExportedTensor,
  type ExportedValue,
} from './exported-model.js';

/** The export is not one that can be entered by embeddings; the message says which part. */
export class ExportError extends Error {}

/** One layer's cache: its names as input and output. */
export interface ExportedCache {
  readonly past: string;
  readonly present: string;
}

/** How a decoder graph is fed, as read from its inputs and outputs. */
export interface ExportedDecoderIo {
  /** float32 [1, T, C]. */
  readonly embeddings: 'inputs_embeds';
  /** float32 [1, T or 1, V]. */
  readonly logits: string;
  /** Keys and values of all layers. */
  readonly caches: readonly ExportedCache[];
  /** [1, K, 0, D] of an empty cache. */
  readonly emptyCache: readonly [1, number, 0, number];
  readonly cacheType: 'float32' | 'float16';
  /** Of the inputs that only describe positions, those the graph has. */
  readonly positions: readonly PositionInput[];
  /** V where the graph states it. */
  readonly vocabularySize: number | null;
  /** Whether logits come for the last position only. */
  readonly lastPositionOnly: boolean;
}

/**
 * Inputs that follow from the numbers of past and new positions: a mask of ones over all, the index of each
 * new one (as row or as list), how many positions shall have logits.
 */
export const POSITION_INPUTS = [
  'attention_mask',
  'position_ids',
  'cache_position',
  'num_logits_to_keep',
  'logits_to_keep',
] as const;
export type PositionInput = (typeof POSITION_INPUTS)[number];

export interface RewrittenDecoder {
  /** ONNX bytes of the decoder that takes `inputs_embeds`. */
  readonly decoder: Uint8Array;
  /** ONNX bytes of the lookup: `input_ids` int64 [1, n] -> `inputs_embeds` float32 [1, n, C]. */
  readonly lookup: Uint8Array;
  readonly io: ExportedDecoderIo;
}

/** Nodes in a row that are followed in search of a table or of the head. Exports have at most five. */
const MOST_STEPS = 32;

const IDS = 'input_ids';
const EMBEDDINGS = 'inputs_embeds';

/** Whether a graph takes embeddings already. */
export function takesEmbeddings(model: ExportedModel): boolean {
  return model.inputs.some(({ name }) => name === EMBEDDINGS);
}

/**
 * Splits the lookup off and cuts the head's work down to the last position.
 *
 * Where the head is built in a way that is not understood it is left alone and
 * `io.lastPositionOnly` is false: right, but slower.
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
  const lastPositionOnly = keepsLast || sliceBeforeHead(graph, io.logits);
  floatLogits(graph, io.logits);
  return {
    decoder: encodeExportedModel(graph.pruned()),
    lookup: encodeExportedModel(lookup),
    io: { ...io, lastPositionOnly },
  };
}

/**
 * Reads how a decoder is fed.
 *
 * @throws {ExportError} If an input is unknown, or there is no cache or no `logits` output.
 */
export function readDecoderIo(model: ExportedModel): ExportedDecoderIo {
  if (model.inputs.some(({ name }) => name === 'use_cache_branch')) {
    throw new ExportError(
      'it chooses between two graphs by the input use_cache_branch (a merged export of an older optimum)',
    );
  }
  const logits = model.outputs.find(({ name }) => name === 'logits');
  if (logits === undefined) {
    throw new ExportError(
      `it has no output "logits" (it has ${list(model.outputs.map(({ name }) => name))})`,
    );
  }
  const outputs = new Set(model.outputs.map(({ name }) => name));
  const caches: ExportedCache[] = [];
  const positions: PositionInput[] = [];
  const unknown: string[] = [];
  let cache: ExportedValue | undefined;
  for (const input of model.inputs) {
    const { name } = input;
    const layer = /^past(?:_key_values)?\.(\d+)\.(key|value)$/.exec(name);
    if (layer !== null) {
      const present = `present.${layer[1]!}.${layer[2]!}`;
      if (!outputs.has(present)) throw new ExportError(`it has an input ${name} but no output ${present}`);
      caches.push({ past: name, present });
      cache ??= input;
    } else if (isPositionInput(name)) {
      positions.push(name);
    } else if (name !== IDS && name !== EMBEDDINGS) {
      unknown.push(name);
    }
  }
  if (unknown.length > 0) throw new ExportError(`it has inputs of unknown meaning: ${list(unknown)}`);
  if (cache === undefined) {
    throw new ExportError('it has no inputs past_key_values.*: it was exported without a cache');
  }
  const [, kvHeads, , headWidth] = cache.dims;
  if (cache.dims.length !== 4 || typeof kvHeads !== 'number' || typeof headWidth !== 'number') {
    throw new ExportError(
      `the cache ${cache.name} has shape [${cache.dims.map(String).join(', ')}], ` +
        'expected [batch, key/value heads, past, head width] with the second and fourth as numbers',
    );
  }
  const cacheType = floatType(cache.dataType);
  if (cacheType === null) throw new ExportError(`the cache ${cache.name} is neither float32 nor float16`);
  const vocabulary = logits.dims.at(-1);
  const io = {
    embeddings: EMBEDDINGS,
    logits: logits.name,
    caches,
    emptyCache: [1, kvHeads, 0, headWidth],
    cacheType,
    positions,
    vocabularySize: typeof vocabulary === 'number' ? vocabulary : null,
  } as const;
  return { ...io, lastPositionOnly: keepsLastLogits(io) };
}

function keepsLastLogits({ positions }: Pick<ExportedDecoderIo, 'positions'>): boolean {
  return positions.includes('num_logits_to_keep') || positions.includes('logits_to_keep');
}

function isPositionInput(name: string): name is PositionInput {
  return (POSITION_INPUTS as readonly string[]).includes(name);
}

function floatType(dataType: number): 'float32' | 'float16' | null {
  if (dataType === DATA_TYPE.float32) return 'float32';
  return dataType === DATA_TYPE.float16 ? 'float16' : null;
}

/** A model being rewired: who makes a value, who reads it, and what is added. */
class Wiring {
  readonly model: ExportedModel;
  nodes: ExportedNode[];
  initializers: ExportedTensor[];
  inputs: ExportedValue[];
  outputs: ExportedValue[];

  constructor(model: ExportedModel) {
    this.model = model;
    this.nodes = [...model.nodes];
    this.initializers = [...model.initializers];
    this.inputs = [...model.inputs];
    this.outputs = [...model.outputs];
  }

  producer(value: string): ExportedNode | undefined {
    return this.nodes.find(({ outputs }) => outputs.includes(value));
  }

  consumers(value: string): ExportedNode[] {
    return this.nodes.filter(({ inputs }) => inputs.includes(value));
  }

  weight(name: string): ExportedTensor | undefined {
    return this.initializers.find((tensor) => tensor.name === name);
  }

  /**
   * Whether a value is the same in every run: a weight, or computed from weights alone. Each value is looked at once,
   * since the file may share values without end or run in circles.
   */
  isConstant(value: string): boolean {
    const weights = new Set(this.initializers.map(({ name }) => name));
    const makers = makersOf(this.nodes);
    const seen = new Set<string>();
    const open = [value];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at === '' || seen.has(at) || weights.has(at)) continue;
      seen.add(at);
      const node = makers.get(at);
      if (node === undefined) return false;
      for (const input of node.inputs) open.push(input);
    }
    return true;
  }

  /** A name that nothing in the graph has. */
  fresh(stem: string): string {
    const used = new Set([
      ...this.nodes.flatMap(({ inputs, outputs, name }) => [...inputs, ...outputs, name]),
      ...this.initializers.map(({ name }) => name),
      ...this.inputs.map(({ name }) => name),
    ]);
    let name = `llava_eval/${stem}`;
    for (let i = 1; used.has(name); i++) name = `llava_eval/${stem}_${i}`;
    return name;
  }

  /** Lets every reader of a value, but the given ones, read another. */
  rename(from: string, to: string, except: readonly ExportedNode[] = []): void {
    this.nodes = this.nodes.map((node) =>
      except.includes(node) || !node.inputs.includes(from) ? node : withInputs(node, from, to),
    );
  }

  replace(old: ExportedNode, ...nodes: readonly ExportedNode[]): void {
    this.nodes.splice(this.nodes.indexOf(old), 1, ...nodes);
  }

  /** The model with all that its outputs need, in the order it had. */
  pruned(
    outputs: readonly ExportedValue[] = this.outputs,
    inputs: readonly ExportedValue[] = this.inputs,
  ): ExportedModel {
    const makers = makersOf(this.nodes);
    const needed = new Set<string>();
    const kept = new Set<ExportedNode>();
    const open = outputs.map(({ name }) => name);
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (needed.has(value)) continue;
      needed.add(value);
      const node = makers.get(value);
      if (node === undefined || kept.has(node)) continue;
      kept.add(node);
      for (const input of node.inputs) open.push(input);
    }
    return {
      ...this.model,
      nodes: this.nodes.filter((node) => kept.has(node)),
      initializers: this.initializers.filter(({ name }) => needed.has(name)),
      inputs,
      outputs,
    };
  }
}

/** The node that makes each value. */
function makersOf(nodes: readonly ExportedNode[]): Map<string, ExportedNode> {
  return new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
}

function withInputs(node: ExportedNode, from: string, to: string): ExportedNode {
  return { ...node, inputs: node.inputs.map((input) => (input === from ? to : input)) };
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
  // A table stored as integers becomes numbers right behind the lookup.
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

/** Shape(input_ids) is [batch, n], or the part of it that `start` and `end` pick; so now from the embeddings. */
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

/** What may stand between the head's product and the logits: it works on each position alone. */
const BEHIND_HEAD = new Set(['Cast', 'Identity', 'Mul', 'Div', 'Add', 'Tanh']);

/**
 * Puts a pick of the last position in front of the head.
 *
 * With dynamic quantization the scale of the hidden state is then that of the last position alone, which is
 * finer than one scale over the whole prompt; the logits differ from the export's by that.
 *
 * @returns Whether the head was found.
 */
function sliceBeforeHead(graph: Wiring, logits: string): boolean {
  const head = findHead(graph, logits);
  if (head === null) return false;
  const last = graph.fresh('last_position');
  const index = graph.fresh('last_index');
  graph.initializers.push(newIntegers(index, [1], [-1]));
  const pick = newNode('Gather', graph.fresh('pick_last'), [head.hidden, index], [last], { axis: 1 });
  const place = graph.nodes.indexOf(head.reader);
  graph.nodes[place] = withInputs(head.reader, head.hidden, last);
  graph.nodes.splice(place, 0, pick);
  return true;
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
    // Without a shape: the declared one says as many positions as there are ids.
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

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
