/**
 * @file An ONNX file made by somebody else, as far as it has to be understood to be rewritten.
 *
 * Flow: bytes -> **exported model** -> `rewrite-decoder.ts` -> bytes.
 * Only nodes, inputs, outputs and the heads of weights are read. Attributes, weight data and everything else stay the
 * bytes that they are, as views into the file. Pure: no files, no runtime.
 *
 * Source of field numbers: onnx/onnx.proto.
 */

import {
  bytesField,
  concatFields,
  intField,
  messageField,
  stringField,
  toBytes,
  type Encoded,
} from './wire.js';
import { bytesOf, integerOf, integersOf, readFields, textOf, type WireField } from './wire-reader.js';

/** TensorProto.DataType, as far as inputs and embeddings of decoders use them. */
export const DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  bfloat16: 16,
} as const;

/** A node. `attributes` and everything that is not named here are its bytes. */
export interface ExportedNode {
  readonly name: string;
  readonly operator: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  /** Names; empty where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes (field 5) and fields this program does not know, as they were. */
  readonly rest: readonly Uint8Array[];
  /** Whether an attribute holds a graph, inside which values of this one may be used unseen. */
  readonly hasSubgraph: boolean;
}

export interface ExportedTensor {
  readonly name: string;
  /** TensorProto.DataType. */
  readonly dataType: number;
  readonly dims: readonly number[];
  /** File with the data, relative to the model's folder; null if the data is in the model itself. */
  readonly location: string | null;
  /** The whole message. */
  readonly bytes: Uint8Array;
}

/** An input or output; a dimension is a number, a name, or null where nothing is said. */
export interface ExportedValue {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly (number | string | null)[];
  /** The whole message. */
  readonly bytes: Uint8Array;
}

export interface ExportedModel {
  /** Version of each operator set by domain; '' is ONNX itself. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graphName: string;
  readonly nodes: readonly ExportedNode[];
  readonly initializers: readonly ExportedTensor[];
  /** Without those that are weights as well, as files before IR version 4 list them. */
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
  /** Fields of the model other than its graph, and of the graph other than the above, as they were. */
  readonly rest: { readonly model: readonly Uint8Array[]; readonly graph: readonly Uint8Array[] };
}

/**
 * Reads a model.
 *
 * @throws {WireError} If the bytes are not a message or hold no graph.
 */
export function readExportedModel(bytes: Uint8Array): ExportedModel {
  const opsets = new Map<string, number>();
  const rest: Uint8Array[] = [];
  let graph: Uint8Array | undefined;
  for (const field of readFields(bytes)) {
    if (field.number === 7) {
      graph = bytesOf(field);
      continue;
    }
    rest.push(field.whole);
    if (field.number === 8) {
      const { domain, version } = readOpset(bytesOf(field));
      opsets.set(domain, version);
    }
  }
  return { opsets, ...readGraph(graph ?? new Uint8Array(0), rest) };
}

function readGraph(graph: Uint8Array, model: readonly Uint8Array[]): Omit<ExportedModel, 'opsets'> {
  const nodes: ExportedNode[] = [];
  const initializers: ExportedTensor[] = [];
  const inputs: ExportedValue[] = [];
  const outputs: ExportedValue[] = [];
  const rest: Uint8Array[] = [];
  let graphName = '';
  for (const field of readFields(graph)) {
    switch (field.number) {
      case 1:
        nodes.push(readNode(bytesOf(field)));
        break;
      case 2:
        graphName = textOf(field);
        break;
      case 5:
        initializers.push(readTensor(bytesOf(field)));
        break;
      case 11:
        inputs.push(readValue(bytesOf(field)));
        break;
      case 12:
        outputs.push(readValue(bytesOf(field)));
        break;
      case 13:
        // These are shapes of inner values. The runtime infers them itself, and a rewrite would make them wrong.
        break;
      default:
        rest.push(field.whole);
    }
  }
  const weights = new Set(initializers.map(({ name }) => name));
  return {
    graphName,
    nodes,
    initializers,
    inputs: inputs.filter(({ name }) => !weights.has(name)),
    outputs,
    rest: { model, graph: rest },
  };
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  for (const field of readFields(bytes)) {
    if (field.number === 1) domain = textOf(field);
    if (field.number === 2) version = integerOf(field);
  }
  // ONNX's own domain has two spellings.
  return { domain: domain === 'ai.onnx' ? '' : domain, version };
}

function readNode(bytes: Uint8Array): ExportedNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const rest: Uint8Array[] = [];
  let name = '';
  let operator = '';
  let domain = '';
  let hasSubgraph = false;
  for (const field of readFields(bytes)) {
    switch (field.number) {
      case 1:
        inputs.push(textOf(field));
        break;
      case 2:
        outputs.push(textOf(field));
        break;
      case 3:
        name = textOf(field);
        break;
      case 4:
        operator = textOf(field);
        break;
      case 7:
        domain = textOf(field);
        break;
      case 5:
        hasSubgraph ||= [...readFields(bytesOf(field))].some(isGraphAttribute);
        rest.push(field.whole);
        break;
      default:
        rest.push(field.whole);
    }
  }
  return {
    name,
    operator,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs,
    outputs,
    rest,
    hasSubgraph,
  };
}

/** AttributeProto.g and AttributeProto.graphs. */
function isGraphAttribute({ number }: WireField): boolean {
  return number === 6 || number === 11;
}

function readTensor(bytes: Uint8Array): ExportedTensor {
  const dims: number[] = [];
  let dataType = 0;
  let name = '';
  let location: string | null = null;
  for (const field of readFields(bytes)) {
    if (field.number === 1) for (const dim of integersOf(field)) dims.push(dim);
    else if (field.number === 2) dataType = integerOf(field);
    else if (field.number === 8) name = textOf(field);
    else if (field.number === 13) {
      const [key, value] = readEntry(bytesOf(field));
      if (key === 'location') location = value;
    }
  }
  return { name, dataType, dims, location, bytes };
}

function readEntry(bytes: Uint8Array): [key: string, value: string] {
  let key = '';
  let value = '';
  for (const field of readFields(bytes)) {
    if (field.number === 1) key = textOf(field);
    if (field.number === 2) value = textOf(field);
  }
  return [key, value];
}

function readValue(bytes: Uint8Array): ExportedValue {
  let name = '';
  let dataType = 0;
  let dims: (number | string | null)[] = [];
  for (const field of readFields(bytes)) {
    if (field.number === 1) name = textOf(field);
    if (field.number !== 2) continue;
    for (const type of readFields(bytesOf(field))) {
      if (type.number !== 1) continue;
      for (const tensor of readFields(bytesOf(type))) {
        if (tensor.number === 1) dataType = integerOf(tensor);
        if (tensor.number === 2) {
          dims = [...readFields(bytesOf(tensor))].filter(({ number }) => number === 1).map(readDim);
        }
      }
    }
  }
  return { name, dataType, dims, bytes };
}

function readDim(field: WireField): number | string | null {
  for (const dim of readFields(bytesOf(field))) {
    if (dim.number === 1) return integerOf(dim);
    if (dim.number === 2) return textOf(dim);
  }
  return null;
}

/** The attributes of a node that are single integers, by name. */
export function integerAttributes(node: ExportedNode): Map<string, number> {
  const found = new Map<string, number>();
  for (const bytes of node.rest) {
    for (const attribute of readFields(bytes)) {
      if (attribute.number !== 5) continue;
      let name = '';
      let value: number | undefined;
      for (const field of readFields(bytesOf(attribute))) {
        if (field.number === 1) name = textOf(field);
        if (field.number === 3) value = integerOf(field);
      }
      if (value !== undefined) found.set(name, value);
    }
  }
  return found;
}

/** A node to be added; attributes are integers. */
export function newNode(
  operator: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, number>> = {},
): ExportedNode {
  /** AttributeProto.AttributeType.INT. */
  const INT = 2;
  const rest = Object.entries(attributes).map(([key, value]) =>
    toBytes(messageField(5, [stringField(1, key), intField(3, value), intField(20, INT)])),
  );
  return { name, operator, domain: '', inputs, outputs, rest, hasSubgraph: false };
}

/** A small int64 weight to be added. */
export function newIntegers(
  name: string,
  dims: readonly number[],
  values: readonly number[],
): ExportedTensor {
  const data = BigInt64Array.from(values, BigInt);
  const bytes = toBytes(
    concatFields([
      ...dims.map((dim) => intField(1, dim)),
      intField(2, DATA_TYPE.int64),
      stringField(8, name),
      bytesField(9, new Uint8Array(data.buffer)),
    ]),
  );
  return { name, dataType: DATA_TYPE.int64, dims, location: null, bytes };
}

/** An input or output to be added; without dimensions its shape is left to the runtime. */
export function newValue(
  name: string,
  dataType: number,
  dims: readonly (number | string)[] | null,
): ExportedValue {
  const shape = (dims ?? []).map((dim) =>
    messageField(1, [typeof dim === 'number' ? intField(1, dim) : stringField(2, dim)]),
  );
  const type = [intField(1, dataType), ...(dims === null ? [] : [messageField(2, shape)])];
  const bytes = toBytes(concatFields([stringField(1, name), messageField(2, [messageField(1, type)])]));
  return { name, dataType, dims: dims ?? [], bytes };
}

/** The model as a file; what was not changed is copied byte for byte. */
export function encodeExportedModel(model: ExportedModel): Uint8Array {
  const copied = (bytes: Uint8Array): Encoded => ({ length: bytes.length, parts: [bytes] });
  return toBytes(
    concatFields([
      ...model.rest.model.map(copied),
      messageField(7, [
        ...model.nodes.map((node) =>
          messageField(1, [
            ...node.inputs.map((name) => stringField(1, name)),
            ...node.outputs.map((name) => stringField(2, name)),
            stringField(3, node.name),
            stringField(4, node.operator),
            ...node.rest.map(copied),
            ...(node.domain === '' ? [] : [stringField(7, node.domain)]),
          ]),
        ),
        stringField(2, model.graphName),
        ...model.initializers.map(({ bytes }) => bytesField(5, bytes)),
        ...model.inputs.map(({ bytes }) => bytesField(11, bytes)),
        ...model.outputs.map(({ bytes }) => bytesField(12, bytes)),
        ...model.rest.graph.map(copied),
      ]),
    ]),
  );
}
