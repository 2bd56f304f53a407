/**
 * @file A finished graph as an ONNX file.
 *
 * Flow: graph -> **ONNX messages** -> bytes (`wire.ts`).
 * Weights go into the file itself, or into a second file next to it. A second file may be needed, since Protocol
 * Buffers cannot hold more than 2 GiB, and a runtime can map it instead of copying it. Pure: no files.
 *
 * Source of field numbers and enums: onnx/onnx.proto, IR version 10.
 */

import { toHalf } from './half.js';
import {
  CONTRIB,
  formatShape,
  type Attribute,
  type ElementType,
  type Graph,
  type Initializer,
  type Node,
  type Numbers,
  type Shape,
  type Value,
} from './graph.js';
import {
  bytesField,
  concatFields,
  floatField,
  intField,
  messageField,
  stringField,
  toBytes,
  type Encoded,
  type LazyBytes,
} from './wire.js';

/** IR version 10 and opset 21 belong together (ONNX 1.16); ONNX Runtime reads them since 1.18. */
const IR_VERSION = 10;
const OPSET = 21;
const CONTRIB_OPSET = 1;

/** TensorProto.DataType. */
const DATA_TYPE: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
};
const BYTES_PER_ELEMENT: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  float16: 2,
};
/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
/** TensorProto.DataLocation. */
const LOCATION_EXTERNAL = 1;

/**
 * Weights of fewer bytes always stay in the ONNX file, since the runtime reads shapes and axes while it optimises.
 */
const EXTERNAL_MIN_BYTES = 1024;
/** Offsets in the weight file are multiples of this, so that the runtime can map it page by page. */
const EXTERNAL_ALIGNMENT = 4096;

/** One weight in the weight file. */
export interface ExternalWeight {
  /** Where its bytes start. */
  readonly offset: number;
  readonly length: number;
  /** The bytes in consecutive pieces, read and converted one piece at a time. */
  readonly pieces: () => Iterable<Uint8Array>;
}

export interface SplitModel {
  readonly model: Uint8Array;
  /** In ascending order of offset; the gaps between them are padding. */
  readonly weights: readonly ExternalWeight[];
}

/** Size of all weights in bytes. It decides between one file and two. */
export function weightBytes(graph: Graph): number {
  return graph.initializers.reduce((sum, initializer) => sum + byteLength(initializer), 0);
}

/** The whole model as one buffer. */
export function encodeModel(graph: Graph): Uint8Array {
  return toBytes(
    modelMessage(
      graph,
      graph.initializers.map((initializer) => inlineTensor(initializer)),
    ),
  );
}

/**
 * The model with its large weights in a second file.
 *
 * @param weightFile Name of that file, relative to the folder of the model.
 */
export function encodeSplitModel(graph: Graph, weightFile: string): SplitModel {
  const weights: ExternalWeight[] = [];
  let end = 0;
  const tensors = graph.initializers.map((initializer) => {
    if (byteLength(initializer) < EXTERNAL_MIN_BYTES) return inlineTensor(initializer);
    const length = byteLength(initializer);
    const offset = Math.ceil(end / EXTERNAL_ALIGNMENT) * EXTERNAL_ALIGNMENT;
    weights.push({ offset, length, pieces: () => rawPieces(initializer) });
    end = offset + length;
    const entry = (name: string, value: string): Encoded =>
      messageField(13, [stringField(1, name), stringField(2, value)]);
    return [
      ...tensorHeader(initializer),
      entry('location', weightFile),
      entry('offset', String(offset)),
      entry('length', String(length)),
      intField(14, LOCATION_EXTERNAL),
    ];
  });
  return { model: toBytes(modelMessage(graph, tensors)), weights };
}

function modelMessage(graph: Graph, tensors: readonly (readonly Encoded[])[]): Encoded {
  const shown = new Map(graph.outputs.map(({ name, value }) => [value.name, name]));
  const opset = (domain: string, version: number): Encoded =>
    messageField(8, [stringField(1, domain), intField(2, version)]);
  return concatFields([
    intField(1, IR_VERSION),
    stringField(2, 'llava-eval'),
    opset('', OPSET),
    opset(CONTRIB, CONTRIB_OPSET),
    messageField(7, [
      ...graph.nodes.map((node) => messageField(1, nodeMessage(node, shown))),
      stringField(2, graph.name),
      ...tensors.map((tensor) => messageField(5, tensor)),
      ...graph.inputs.map((value) => messageField(11, valueInfo(value.name, value.type, value.shape))),
      ...graph.outputs.map(({ name, value }) => messageField(12, valueInfo(name, value.type, value.shape))),
    ]),
  ]);
}

/** @param shown Names under which values leave the graph, by their names inside it. */
function nodeMessage(node: Node, shown: ReadonlyMap<string, string>): Encoded[] {
  const nameOf = (value: Value | null): string =>
    value === null ? '' : (shown.get(value.name) ?? value.name);
  return [
    ...node.inputs.map((value) => stringField(1, nameOf(value))),
    ...node.outputs.map((value) => stringField(2, nameOf(value))),
    stringField(3, node.name),
    stringField(4, node.operator),
    ...Object.entries(node.attributes).map(([name, attribute]) =>
      messageField(5, attributeMessage(name, attribute)),
    ),
    stringField(7, node.domain),
  ];
}

function attributeMessage(name: string, attribute: Attribute): Encoded[] {
  const head = [stringField(1, name), intField(20, ATTRIBUTE_TYPE[attribute.kind])];
  switch (attribute.kind) {
    case 'float':
      return [...head, floatField(2, attribute.value)];
    case 'int':
      return [...head, intField(3, attribute.value)];
    case 'string':
      return [...head, stringField(4, attribute.value)];
    case 'ints':
      return [...head, ...attribute.value.map((value) => intField(8, value))];
  }
}

function valueInfo(name: string, type: ElementType, shape: Shape): Encoded[] {
  const dims = shape.map((dim) =>
    messageField(1, [typeof dim === 'number' ? intField(1, dim) : stringField(2, dim)]),
  );
  return [
    stringField(1, name),
    messageField(2, [messageField(1, [intField(1, DATA_TYPE[type]), messageField(2, dims)])]),
  ];
}

function tensorHeader({ value }: Initializer): Encoded[] {
  return [
    ...value.shape.map((dim) => intField(1, Number(dim))),
    intField(2, DATA_TYPE[value.type]),
    stringField(8, value.name),
  ];
}

function inlineTensor(initializer: Initializer): Encoded[] {
  return [...tensorHeader(initializer), bytesField(9, rawData(initializer))];
}

function elementCount({ value }: Initializer): number {
  return value.shape.reduce<number>((product, dim) => product * Number(dim), 1);
}

function byteLength(initializer: Initializer): number {
  return elementCount(initializer) * BYTES_PER_ELEMENT[initializer.value.type];
}

/** Little-endian element bytes, as TensorProto.raw_data wants them. */
function rawData(initializer: Initializer): LazyBytes {
  return {
    length: byteLength(initializer),
    write(target) {
      let position = 0;
      for (const piece of rawPieces(initializer)) {
        target.set(piece, position);
        position += piece.length;
      }
    },
  };
}

/**
 * The same bytes in pieces.
 *
 * @throws {RangeError} If the pieces have fewer or more numbers than the shape says.
 */
function* rawPieces(initializer: Initializer): Generator<Uint8Array> {
  const { value, pieces } = initializer;
  const expected = elementCount(initializer);
  let count = 0;
  const check = (isWhole: boolean): void => {
    if (count > expected || (isWhole && count < expected)) {
      throw new RangeError(`weight ${value.name} of shape ${formatShape(value.shape)} got ${count} numbers`);
    }
  };
  for (const numbers of pieces()) {
    count += numbers.length;
    check(false);
    yield elementBytes(value.type, numbers);
  }
  check(true);
}

/** All supported platforms are little-endian, as are typed arrays on them. */
function elementBytes(type: ElementType, numbers: Numbers): Uint8Array {
  const floats = (): Float32Array => (numbers instanceof Float32Array ? numbers : Float32Array.from(numbers));
  switch (type) {
    case 'float32':
      return viewBytes(floats());
    case 'float16':
      return viewBytes(toHalf(floats()));
    case 'int8':
      return viewBytes(numbers instanceof Int8Array ? numbers : Int8Array.from(numbers));
    case 'uint8':
      return numbers instanceof Uint8Array ? numbers : Uint8Array.from(numbers);
    case 'int32':
      return viewBytes(Int32Array.from(numbers));
    case 'int64':
      return viewBytes(BigInt64Array.from(Array.from(numbers), BigInt));
  }
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
