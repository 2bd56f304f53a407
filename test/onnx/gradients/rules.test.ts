import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { gelu, geluTanh, rmsNorm } from '../../../src/onnx/fused-operators.js';
import { differentiate, RULES } from '../../../src/onnx/gradients/differentiate.js';
import { erf, exp, neg, reciprocal, sqrt, tanh } from '../../../src/onnx/gradients/elementwise.js';
import { batchedMatMul } from '../../../src/onnx/gradients/products.js';
import { logSoftmax, softmax } from '../../../src/onnx/gradients/reductions.js';
import { expandLike, meanAxes, permute, reshapeLike, sumAxes } from '../../../src/onnx/gradients/rule.js';
import { concat, pickFromRows } from '../../../src/onnx/gradients/shapes.js';
import { Graph, type Dim, type Value } from '../../../src/onnx/graph.js';
import {
  abs,
  add,
  cast,
  div,
  gatherRows,
  gemm,
  layerNorm,
  matMul,
  mul,
  sigmoid,
  silu,
  split,
  sub,
  unsqueeze,
} from '../../../src/onnx/operators.js';
import { createRng } from '../../../src/tensor/rng.js';
import { errorFunction, interpret, tensor, type Tensor } from '../../support/graph-interpreter.js';
import { some } from '../../support/some.js';

/** A name for a size of run time stands for this many. */
const SIZES: Readonly<Record<string, number>> = { A: 2, B: 3, 'A+B': 5 };
/** Step of central differences, and their error: about the step squared. */
const STEP = 1e-4;
const MAX_ERROR = 1e-6;

const size = (dim: Dim): number => (typeof dim === 'number' ? dim : SIZES[dim]!);

interface Case {
  readonly title: string;
  /** The operators that the case is about. */
  readonly operators: readonly string[];
  /** Shapes of the inputs at which gradients are taken. */
  readonly shapes: readonly (readonly Dim[])[];
  readonly build: (g: Graph, ...inputs: Value[]) => Value;
  /** Where an operator needs numbers above zero. */
  readonly positive?: boolean;
}

const indices = (g: Graph, shape: readonly number[], numbers: readonly number[]): Value =>
  g.constant('int64', shape, numbers);

const CASES: readonly Case[] = [
  {
    title: 'a sum of stretched operands',
    operators: ['Add'],
    shapes: [
      ['A', 1, 3],
      [4, 1],
    ],
    build: add,
  },
  { title: 'a difference', operators: ['Sub'], shapes: [['A', 3], [3]], build: sub },
  {
    title: 'a product of stretched operands',
    operators: ['Mul'],
    shapes: [
      [2, 1],
      ['A', 2, 3],
    ],
    build: mul,
  },
  { title: 'a product with itself', operators: ['Mul'], shapes: [[4]], build: (g, x) => mul(g, x, x) },
  {
    title: 'a quotient',
    operators: ['Div'],
    shapes: [
      [2, 3],
      [2, 1],
    ],
    build: div,
    positive: true,
  },
  { title: 'a negative', operators: ['Neg'], shapes: [[3]], build: neg },
  { title: 'an exponential', operators: ['Exp'], shapes: [[3]], build: exp },
  { title: 'a root', operators: ['Sqrt'], shapes: [[3]], build: sqrt, positive: true },
  { title: 'a reciprocal', operators: ['Reciprocal'], shapes: [[3]], build: reciprocal, positive: true },
  { title: 'the hyperbolic tangent', operators: ['Tanh'], shapes: [[4]], build: tanh },
  { title: 'the error function', operators: ['Erf'], shapes: [[4]], build: erf },
  { title: 'the sigmoid', operators: ['Sigmoid'], shapes: [[4]], build: sigmoid },
  { title: 'SiLU', operators: ['Sigmoid', 'Mul'], shapes: [[4]], build: silu },
  { title: 'exact GELU', operators: ['Gelu'], shapes: [[5]], build: gelu },
  { title: 'GELU by tanh', operators: ['FastGelu'], shapes: [[5]], build: geluTanh },
  {
    title: 'a cast',
    operators: ['Cast'],
    shapes: [[3]],
    build: (g, x) => cast(g, cast(g, x, 'float16'), 'float32'),
  },
  {
    title: 'rows times a matrix',
    operators: ['MatMul'],
    shapes: [
      ['A', 'B', 4],
      [4, 2],
    ],
    build: matMul,
  },
  {
    title: 'stacked products',
    operators: ['MatMul'],
    shapes: [
      ['A', 2, 3, 4],
      ['A', 2, 4, 2],
    ],
    build: batchedMatMul,
  },
  {
    title: 'a Linear layer',
    operators: ['Gemm'],
    shapes: [['A', 3], [4, 3], [4]],
    build: (g, x, w, b) => gemm(g, x, w, b),
  },
  {
    title: 'a Linear layer without bias',
    operators: ['Gemm'],
    shapes: [
      ['A', 3],
      [4, 3],
    ],
    build: (g, x, w) => gemm(g, x, w, null),
  },
  {
    title: 'a sum over axes that go',
    operators: ['ReduceSum'],
    shapes: [['A', 3, 2]],
    build: (g, x) => sumAxes(g, x, [0, 2], false),
  },
  {
    title: 'a sum over an axis that stays',
    operators: ['ReduceSum'],
    shapes: [['A', 3]],
    build: (g, x) => sumAxes(g, x, [-1], true),
  },
  { title: 'a mean', operators: ['ReduceMean'], shapes: [['A', 3]], build: (g, x) => meanAxes(g, x, [-1]) },
  { title: 'softmax', operators: ['Softmax'], shapes: [['A', 4]], build: softmax },
  { title: 'the logarithm of softmax', operators: ['LogSoftmax'], shapes: [['A', 4]], build: logSoftmax },
  {
    title: 'layer norm',
    operators: ['LayerNormalization'],
    shapes: [['A', 4], [4], [4]],
    build: (g, x, c, b) => layerNorm(g, x, c, b, 1e-5),
  },
  {
    title: 'RMS norm',
    operators: ['SimplifiedLayerNormalization'],
    shapes: [['A', 2, 4], [4]],
    build: (g, x, c) => rmsNorm(g, x, c, 1e-6),
  },
  {
    title: 'another shape',
    operators: ['Reshape'],
    shapes: [
      ['A', 6],
      [2, 2, 3],
    ],
    build: (g, x, y) => mul(g, reshapeLike(g, x, y), y),
  },
  {
    title: 'a new dimension',
    operators: ['Unsqueeze'],
    shapes: [['A', 3]],
    build: (g, x) => unsqueeze(g, x, [1]),
  },
  {
    title: 'a stretched value',
    operators: ['Expand'],
    shapes: [
      ['A', 1, 3],
      ['A', 4, 3],
    ],
    build: (g, x, y) => mul(g, expandLike(g, x, y), y),
  },
  {
    title: 'another order of dimensions',
    operators: ['Transpose'],
    shapes: [['A', 'B', 4]],
    build: (g, x) => permute(g, x, [2, 0, 1]),
  },
  {
    title: 'pieces, one of which nobody reads',
    operators: ['Split'],
    shapes: [['A', 6]],
    build: (g, x) => {
      const [a, , c] = split(g, x, [2, 1, 3]);
      return concat(g, [c!, a!], 1, 5);
    },
  },
  {
    title: 'parts along the last axis',
    operators: ['Concat'],
    shapes: [
      ['A', 2],
      ['A', 3],
    ],
    build: (g, x, y) => concat(g, [x, y], 1, 5),
  },
  {
    title: 'parts of sizes of run time',
    operators: ['Concat'],
    shapes: [
      [2, 'A', 3],
      [2, 'B', 3],
    ],
    build: (g, x, y) => concat(g, [x, y], 1, 'A+B'),
  },
  {
    title: 'rows, some of them twice',
    operators: ['Gather'],
    shapes: [['B', 2]],
    build: (g, x) => gatherRows(g, x, indices(g, [2, 2], [2, 0, 2, 2])),
  },
  {
    title: 'a number of each row',
    operators: ['GatherElements'],
    shapes: [['A', 4]],
    build: (g, x) => pickFromRows(g, x, indices(g, [2, 1], [3, 1])),
  },
];

/** The sum of all results, each times a weight of its own, and the gradients that the graph computes. */
function evaluate(
  { shapes, build }: Case,
  numbers: readonly Tensor[],
): { loss: number; gradients: Tensor[] } {
  const g = new Graph('case');
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, 'float32', shape));
  const y = build(g, ...(inputs as [Value, ...Value[]]));
  const seed = g.input('seed', 'float32', y.shape);
  const gradients = differentiate(g, [{ value: y, gradient: seed }], inputs);
  for (const [i, gradient] of gradients.entries()) assert.deepEqual(gradient.shape, shapes[i]);
  const rng = createRng(7);
  const shape = y.shape.map(size);
  const weights = tensor(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.next() + 0.5),
  );
  const found = interpret(g, new Map([...inputs.map((x, i) => [x, numbers[i]!] as const), [seed, weights]]));
  const result = found.get(y)!;
  assert.deepEqual(result.shape, shape);
  return {
    loss: result.data.reduce((sum, number, i) => sum + number * weights.data[i]!, 0),
    gradients: gradients.map((gradient) => found.get(gradient)!),
  };
}

describe('gradients', () => {
  for (const one of some(CASES)) {
    test(`of ${one.title} are the central differences in double precision`, () => {
      const rng = createRng(1);
      const numbers = one.shapes.map((shape) => {
        const sizes = shape.map(size);
        const count = sizes.reduce((product, own) => product * own, 1);
        return tensor(
          sizes,
          Array.from({ length: count }, () =>
            one.positive === true ? 0.5 + rng.next() : 2 * rng.next() - 1,
          ),
        );
      });
      const { gradients } = evaluate(one, numbers);
      for (const [i, input] of numbers.entries()) {
        assert.deepEqual(gradients[i]!.shape, input.shape);
        for (const [at] of input.data.entries()) {
          const moved = (by: number): number =>
            evaluate(
              one,
              numbers.map((own, j) =>
                j === i
                  ? tensor(
                      own.shape,
                      own.data.map((x, k) => (k === at ? x + by : x)),
                    )
                  : own,
              ),
            ).loss;
          const difference = (moved(STEP) - moved(-STEP)) / (2 * STEP);
          const error = Math.abs(gradients[i]!.data[at]! - difference);
          assert.ok(
            error <= MAX_ERROR * Math.max(1, Math.abs(difference)),
            `input ${i}, number ${at}: ${error}`,
          );
        }
      }
    });
  }

  test('have a case for every operator that has a rule', () => {
    const covered = new Set(CASES.flatMap(({ operators }) => operators));
    assert.deepEqual(
      [...RULES.keys()].filter((operator) => !covered.has(operator)),
      [],
    );
  });

  test('of an operator without a rule are refused by its name', () => {
    const g = new Graph('g');
    const x = g.input('x', 'float32', [2]);
    const y = abs(g, x);
    assert.throws(
      () => differentiate(g, [{ value: y, gradient: y }], [x]),
      /Abs_\d+: the operator Abs has no gradient/,
    );
  });

  test('pass an operator without a rule where nothing wanted lies behind it', () => {
    const g = new Graph('g');
    const [x, frozen] = [g.input('x', 'float32', [2]), g.input('frozen', 'float32', [2])];
    const y = mul(g, x, abs(g, frozen));
    const [dx] = differentiate(g, [{ value: y, gradient: g.input('dy', 'float32', [2]) }], [x]);
    assert.deepEqual(dx!.shape, [2]);
  });

  test('add up where a value is read twice: of x * x + x at 3 they are 2 * 3 + 1', () => {
    const g = new Graph('g');
    const x = g.input('x', 'float32', [1]);
    const y = add(g, mul(g, x, x), x);
    const seed = g.constant('float32', [1], [1]);
    const [dx] = differentiate(g, [{ value: y, gradient: seed }], [x]);
    assert.deepEqual(interpret(g, new Map([[x, tensor([1], [3])]])).get(dx!)!.data, [7]);
  });

  test('of several seeds are one sum: of 2 * x^2 with seed 1 and x with seed 5 at 3 they are 12 + 5', () => {
    const g = new Graph('g');
    const x = g.input('x', 'float32', [1]);
    const number = (value: number): Value => g.constant('float32', [1], [value]);
    const [y, z] = [mul(g, number(2), mul(g, x, x)), neg(g, x)];
    const [dx] = differentiate(
      g,
      [
        { value: y, gradient: number(1) },
        { value: z, gradient: number(-5) },
      ],
      [x],
    );
    assert.deepEqual(interpret(g, new Map([[x, tensor([1], [3])]])).get(dx!)!.data, [17]);
  });

  test('need a seed of the shape of its value, and a seed that depends on what is wanted', () => {
    const g = new Graph('g');
    const [x, other] = [g.input('x', 'float32', [2]), g.input('other', 'float32', [2])];
    const y = neg(g, x);
    const seed = g.input('seed', 'float32', [3]);
    assert.throws(
      () => differentiate(g, [{ value: y, gradient: seed }], [x]),
      /another shape: \[3\] for \[2\]/,
    );
    assert.throws(
      () => differentiate(g, [{ value: y, gradient: g.input('dy', 'float32', [2]) }], [other]),
      /nothing that has a gradient depends on other/,
    );
  });
});

test('the error function of the interpreter has the tabulated value at 1', () => {
  // Abramowitz and Stegun, table 7.1.
  assert.ok(Math.abs(errorFunction(1) - 0.8427007929) < 1e-10);
});
