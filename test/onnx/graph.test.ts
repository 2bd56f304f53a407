import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { buildDecoderGraph, type DecoderArchitecture } from '../../src/onnx/decoder-graph.js';
import { Graph, type Dim, type ElementType, type Value } from '../../src/onnx/graph.js';
import { encodeModel, encodeSplitModel, weightBytes } from '../../src/onnx/model-proto.js';
import * as fused from '../../src/onnx/fused-operators.js';
import * as plain from '../../src/onnx/operators.js';
import { buildProjectorGraph } from '../../src/onnx/projector-graph.js';
import { ropeFrequencies, rotaryTable, type RopeScaling } from '../../src/onnx/rotary.js';
import { transpose, type WeightSource } from '../../src/onnx/weights.js';

const op = { ...plain, ...fused };

const value = (g: Graph, name: string, shape: readonly Dim[], type: ElementType = 'float32'): Value =>
  g.input(name, type, shape);

/** Weights that are all zero, and a list of what was asked for. */
function zeros(): WeightSource & { readonly asked: Map<string, readonly number[]> } {
  const asked = new Map<string, readonly number[]>();
  return {
    asked,
    tensor(name, shape) {
      asked.set(name, shape);
      return () => new Float32Array(shape.reduce((product, dim) => product * dim, 1));
    },
  };
}

const ARCHITECTURE: DecoderArchitecture = {
  layout: 'llama',
  layers: 2,
  width: 32,
  feedForwardWidth: 48,
  heads: 2,
  kvHeads: 1,
  headWidth: 16,
  vocabularySize: 10,
  maxPositions: 8,
  rope: { theta: 1e4, scaling: { kind: 'none' } },
  learnedPositions: 0,
  norm: { kind: 'rms', eps: 1e-6 },
  feedForward: 'gated-silu',
  queryKeyNorm: false,
  biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
  tiedHead: true,
};

describe('operators', () => {
  test('a matrix product of wrong widths fails with both shapes in the message', () => {
    const g = new Graph('g');
    assert.throws(
      () => op.matMul(g, value(g, 'x', [1, 'T', 32]), value(g, 'w', [16, 64])),
      /MatMul of float32\[1, T, 32\] and float32\[16, 64\]: inner dimensions 32 and 16 differ/,
    );
  });

  test('element types are never mixed', () => {
    const g = new Graph('g');
    assert.throws(
      () => op.add(g, value(g, 'x', [4]), value(g, 'y', [4], 'float16')),
      /Add of float32\[4\] and float16\[4\]: element types differ/,
    );
  });

  test('broadcasting stretches 1 and nothing else', () => {
    const g = new Graph('g');
    const column = value(g, 'column', ['B', 1, 'T', 1]);
    const rowVector = value(g, 'row', ['B', 1, 1, 'T']);
    assert.deepEqual(op.mul(g, column, rowVector).shape, ['B', 1, 'T', 'T']);
    assert.deepEqual(op.add(g, value(g, 'x', [2, 3]), value(g, 'bias', [3])).shape, [2, 3]);
    assert.throws(
      () => op.add(g, value(g, 'a', ['T', 3]), value(g, 'b', ['S', 3])),
      /dimensions T and S differ/,
    );
  });

  test('shapes follow the operators', () => {
    const g = new Graph('g');
    const x = value(g, 'x', ['B', 'T', 6]);
    assert.deepEqual(op.positionsFrom(g, x, value(g, 'first', [1], 'int64')).shape, ['B', 'N', 6]);
    assert.deepEqual(op.reduceSum(g, x, 1).shape, ['B', 6]);
    assert.deepEqual(op.unsqueeze(g, value(g, 'm', ['B', 'T']), [1, 3]).shape, ['B', 1, 'T', 1]);
    assert.deepEqual(op.gatherRows(g, value(g, 't', [9, 4]), value(g, 'i', ['B', 'T'], 'int32')).shape, [
      'B',
      'T',
      4,
    ]);
    assert.equal(op.cast(g, x, 'float16').type, 'float16');
    assert.equal(op.cast(g, x, 'float32'), x);
  });

  test('attention refuses heads that cannot share keys or are not a multiple of 16 wide', () => {
    const build = (change: Partial<DecoderArchitecture>) => () =>
      buildDecoderGraph({ ...ARCHITECTURE, ...change }, zeros(), 'float32');
    assert.throws(build({ heads: 3, kvHeads: 2 }), /3 heads cannot share 2 key\/value heads evenly/);
    assert.throws(build({ headWidth: 24 }), /heads are 24 wide; a multiple of 16 is needed/);
  });
});

describe('graph', () => {
  test('two values cannot have one name', () => {
    const g = new Graph('g');
    value(g, 'x', [1]);
    assert.throws(() => value(g, 'x', [1]), /two values named x/);
  });

  test('an output is the result of a node, and only once', () => {
    const g = new Graph('g');
    const x = value(g, 'x', [1]);
    assert.throws(() => {
      g.output('y', x);
    }, /not the result of a node/);
    const sum = op.add(g, x, x);
    g.output('y', sum);
    assert.throws(() => {
      g.output('z', sum);
    }, /an output already/);
  });

  test('node names say which part of the model they belong to', () => {
    const g = new Graph('g');
    const x = value(g, 'x', [1]);
    g.within('layers.0', () => g.within('mlp', () => op.sigmoid(g, x)));
    assert.match(g.nodes[0]!.name, /^layers\.0\/mlp\/Sigmoid_\d+$/);
  });

  test('the smallest model is byte for byte what ONNX prescribes', () => {
    const g = new Graph('g');
    const x = value(g, 'x', ['N']);
    g.output('y', op.sigmoid(g, x));
    const text = (s: string): string => Buffer.from(s).toString('hex');
    const node =
      `0a01${text('x')}` + // input
      `1201${text('y')}` + // output, under its outer name
      `1a09${text('Sigmoid_1')}` + // name
      `2207${text('Sigmoid')}` + // op_type
      `3a00`; // domain
    // TypeProto { tensor_type { elem_type: FLOAT, shape { dim { dim_param: "N" } } } }
    const dim = `0a03` + `1201${text('N')}`;
    const tensor = `0801` + `1205${dim}`;
    const typeProto = `0a09${tensor}`;
    const info = (name: string): string => `0a01${text(name)}` + `120b${typeProto}`;
    const size = (body: string): string => (body.length / 2).toString(16).padStart(2, '0');
    const graph =
      `0a${size(node)}${node}` + // node
      `1201${text('g')}` + // name
      `5a${size(info('x'))}${info('x')}` + // input
      `62${size(info('y'))}${info('y')}`; // output
    const model =
      `080a` + // ir_version 10
      `120a${text('llava-eval')}` + // producer_name
      `4204` +
      `0a00` +
      `1015` + // opset "" 21
      `42110a0d${text('com.microsoft')}1001` + // opset com.microsoft 1
      `3a${size(graph)}${graph}`;
    assert.equal(Buffer.from(encodeModel(g)).toString('hex'), model);
  });

  test('a weight whose reader gives too few numbers is named', () => {
    const g = new Graph('g');
    const w = g.weight('w', 'float32', [2, 3], () => new Float32Array(5));
    g.output('y', op.sigmoid(g, w));
    assert.throws(() => encodeModel(g), /weight w of shape \[2, 3\] got 5 numbers/);
  });

  test('large weights go to the second file, aligned and in order; small ones stay', () => {
    const g = new Graph('g');
    const big = (name: string): Value =>
      g.weight(name, 'float32', [1000], () => new Float32Array(1000).fill(1));
    const small = g.weight('small', 'float16', [1000 / 2], () => new Float32Array(500));
    g.output('y', op.add(g, big('a'), big('b')));
    g.output('z', op.sigmoid(g, small));
    assert.equal(weightBytes(g), 4000 + 4000 + 1000);
    const { model, weights } = encodeSplitModel(g, 'weights.bin');
    assert.deepEqual(
      weights.map(({ offset, length }) => [offset, length]),
      [
        [0, 4000],
        [4096, 4000],
      ],
    );
    assert.ok(model.length < 2000);
    assert.ok(Buffer.from(model).includes('weights.bin'));
    const [bytes] = weights[1]!.pieces();
    assert.equal(bytes!.length, 4000);
    assert.equal(new DataView(bytes!.buffer, bytes!.byteOffset).getFloat32(4 * 999, true), 1);
  });
});

describe('streamed weights', () => {
  test('are asked for a few rows at a time, in order, and encoded as the whole would be', () => {
    const numbers = Float32Array.from({ length: 5 * 300 }, (_, i) => i / 7);
    const ranges: (readonly [number, number])[] = [];
    const graph = (isStreamed: boolean): Graph => {
      const g = new Graph('g');
      const read = (from: number, to: number): Float32Array => {
        ranges.push([from, to]);
        return numbers.slice(from * 300, to * 300);
      };
      // A row that costs two million numbers: two of them fill a piece.
      const w = isStreamed
        ? g.streamedWeight('w', 'float16', [5, 300], read, 2 ** 21)
        : g.weight('w', 'float16', [5, 300], () => numbers);
      g.output('y', op.sigmoid(g, w));
      return g;
    };
    assert.deepEqual(encodeModel(graph(true)), encodeModel(graph(false)));
    assert.deepEqual(ranges, [
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    const [split] = encodeSplitModel(graph(true), 'weights.bin').weights;
    assert.deepEqual(
      [...split!.pieces()].map((piece) => piece.length),
      [1200, 1200, 600],
    );
  });

  test('that have too many rows are refused as soon as it shows', () => {
    const g = new Graph('g');
    const w = g.streamedWeight('w', 'float32', [2, 3], () => new Float32Array(9));
    g.output('y', op.sigmoid(g, w));
    assert.throws(() => encodeModel(g), /weight w of shape \[2, 3\] got 9 numbers/);
  });
});

describe('rotary positions', () => {
  const frequencies = (scaling: RopeScaling): number[] => [...ropeFrequencies({ theta: 100, scaling }, 4)];

  test('linear scaling divides every frequency', () => {
    // D = 4, theta = 100: frequencies 1 and 0.1.
    assert.deepEqual(
      frequencies({ kind: 'linear', factor: 4 }),
      [0.25, Math.fround(0.1) / 4].map(Math.fround),
    );
  });

  test('Llama 3 keeps fast frequencies, divides slow ones and blends between', () => {
    // 1 makes 20 * pi / 2 pi = 10 turns in 20 pi positions, 0.1 makes 1: between 0.5 and 1.5, half way.
    const scaling = {
      kind: 'llama3',
      factor: 5,
      lowFrequencyFactor: 0.5,
      highFrequencyFactor: 1.5,
      originalPositions: 20 * Math.PI,
    } as const;
    const [fast, blended] = frequencies(scaling);
    assert.equal(fast, 1);
    // 0.5 * 0.1 + 0.5 * 0.02
    assert.ok(Math.abs(blended! - 0.06) < 1e-7);
    const [, slow] = frequencies({ ...scaling, lowFrequencyFactor: 1.5, highFrequencyFactor: 2 });
    assert.ok(Math.abs(slow! - 0.02) < 1e-7);
  });

  test('YaRN blends by dimension and scales cosines', () => {
    // The dimension of t turns in 20 pi positions is 4 ln(10 / t) / (2 ln 100): 0 for 10 turns, 1 for 1.
    const scaling = {
      kind: 'yarn',
      factor: 5,
      originalPositions: 20 * Math.PI,
      fastTurns: 10,
      slowTurns: 1,
      magnitude: 1.5,
      wholeBorders: false,
    } as const;
    const [fast, slow] = frequencies(scaling);
    assert.ok(Math.abs(fast! - 1) < 1e-6);
    assert.ok(Math.abs(slow! - 0.02) < 1e-6);
    const cos = rotaryTable(2, 4, { theta: 100, scaling }, Math.cos);
    assert.deepEqual([...cos.subarray(0, 2)], [1.5, 1.5]);
    assert.ok(Math.abs(cos[2]! - 1.5 * Math.cos(1)) < 1e-6);
  });
});

describe('architectures', () => {
  test('a decoder returns logits of the positions asked for and a cache that grew', () => {
    const graph = buildDecoderGraph(ARCHITECTURE, zeros(), 'float16');
    const shapes = Object.fromEntries(graph.outputs.map(({ name, value: v }) => [name, v.shape]));
    assert.deepEqual(shapes['logits'], ['N', 10]);
    assert.deepEqual(shapes['present.1.value'], [1, 1, 'S+T', 16]);
    assert.equal(graph.outputs.find(({ name }) => name === 'logits')?.value.type, 'float32');
  });

  test('a tied head asks for no lm_head, an untied one does', () => {
    const tied = zeros();
    buildDecoderGraph(ARCHITECTURE, tied, 'float32');
    assert.equal(tied.asked.has('lm_head.weight'), false);
    const untied = zeros();
    buildDecoderGraph({ ...ARCHITECTURE, tiedHead: false }, untied, 'float32');
    assert.deepEqual(untied.asked.get('lm_head.weight'), [10, 32]);
    assert.deepEqual(untied.asked.get('model.layers.1.self_attn.k_proj.weight'), [16, 32]);
  });

  test('rotary angles are position times theta^(-2i/D)', () => {
    const cos = rotaryTable(3, 4, { theta: 100, scaling: { kind: 'none' } }, Math.cos);
    // D = 4, theta = 100: frequencies 1 and 100^(-1/2) = 0.1.
    const expected = [1, 1, Math.cos(1), Math.cos(0.1), Math.cos(2), Math.cos(0.2)];
    for (const [i, number] of expected.entries()) assert.ok(Math.abs(cos[i]! - number) < 1e-7);
  });

  test('a projector of the widths of LlavaCode has as many parameters as LlavaCode’s', () => {
    const parameters = (inputWidth: number, hiddenWidths: readonly number[], outputWidth: number): number => {
      const source = zeros();
      const layers = (hiddenWidths.length + 1) as 2 | 3 | 4;
      buildProjectorGraph({ layers, inputWidth, hiddenWidths, outputWidth }, source);
      return [...source.asked.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    };
    assert.equal(parameters(768, [1536], 1536), 3_545_088);
    assert.equal(parameters(768, [3072, 3072], 1536), 16_535_040);
    assert.equal(parameters(1024, [4608, 6144, 3072], 1536), 56_666_112);
  });

  test('transposing swaps rows and columns, also across tiles', () => {
    assert.deepEqual([...transpose(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)], [1, 4, 2, 5, 3, 6]);
    const [rows, cols] = [70, 33];
    const data = Float32Array.from({ length: rows * cols }, (_, i) => i);
    const turned = transpose(data, rows, cols);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) assert.equal(turned[c * rows + r], data[r * cols + c]);
    }
  });
});
