/**
 * @file Runs graphs in double precision, one operator after the other: slow, plain, and independent of ONNX Runtime.
 *
 * It knows the operators of training graphs, written down from their definitions. So it can check both what a graph
 * computes and, by central differences, what its gradients are.
 */

import type { Graph, Node, Value } from '../../src/onnx/graph.js';

/** A tensor of doubles, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const tensor = (shape: readonly number[], data: readonly number[]): Tensor => ({ shape, data });

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The places of a tensor, each as its indices. */
function* places(shape: readonly number[]): Generator<number[]> {
  const total = sizeOf(shape);
  for (let flat = 0; flat < total; flat++) {
    const at: number[] = [];
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    yield at;
  }
}

/** The number at some indices; an axis of size 1 serves every index, and extra indices in front are left out. */
function numberAt({ shape, data }: Tensor, indices: readonly number[]): number {
  const own = indices.slice(indices.length - shape.length);
  return data[own.reduce((flat, index, axis) => flat * shape[axis]! + (shape[axis] === 1 ? 0 : index), 0)]!;
}

const build = (shape: readonly number[], of: (at: readonly number[]) => number): Tensor =>
  tensor(shape, [...places(shape)].map(of));

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    return left === 1 ? right : left;
  });
}

const each = (x: Tensor, of: (number: number) => number): Tensor => tensor(x.shape, x.data.map(of));

function binary(a: Tensor, b: Tensor, of: (x: number, y: number) => number): Tensor {
  return build(broadcastShape(a.shape, b.shape), (at) => of(numberAt(a, at), numberAt(b, at)));
}

/** The error function by its Taylor series, which is exact to double precision for the numbers of a test. */
export function errorFunction(x: number): number {
  let [sum, power] = [0, x];
  for (let n = 0; n < 80; n++) {
    sum += power / (2 * n + 1);
    power *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Each last-dimension row of x, mapped. */
function byRow(x: Tensor, of: (row: readonly number[]) => readonly number[]): Tensor {
  const width = x.shape.at(-1)!;
  const rows = Array.from({ length: x.data.length / width }, (_, r) =>
    x.data.slice(r * width, (r + 1) * width),
  );
  return tensor(x.shape, rows.flatMap(of));
}

const mean = (row: readonly number[]): number => row.reduce((sum, x) => sum + x, 0) / row.length;

function matMul(a: Tensor, b: Tensor): Tensor {
  const [rank, inner] = [Math.max(a.shape.length, b.shape.length), a.shape.at(-1)!];
  const stack = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return build([...stack, a.shape.at(-2)!, b.shape.at(-1)!], (at) => {
    const [front, m, n] = [at.slice(0, rank - 2), at[rank - 2]!, at[rank - 1]!];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += numberAt(a, [...front, m, k]) * numberAt(b, [...front, k, n]);
    return sum;
  });
}

function reduce(x: Tensor, axes: readonly number[], keep: boolean, isMean: boolean): Tensor {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const sums = new Map<string, number>();
  for (const at of places(x.shape)) {
    const key = at.map((index, axis) => (axes.includes(axis) ? 0 : index)).join();
    sums.set(key, (sums.get(key) ?? 0) + numberAt(x, at));
  }
  const count = isMean ? x.data.length / sizeOf(kept) : 1;
  const shape = keep ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  return tensor(
    shape,
    [...places(kept)].map((at) => (sums.get(at.join()) ?? 0) / count),
  );
}

/** Attributes of a node by kind. */
const int = (node: Node, name: string, otherwise: number): number => {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : otherwise;
};
const float = (node: Node, name: string): number => {
  const attribute = node.attributes[name];
  return attribute?.kind === 'float' ? attribute.value : NaN;
};
const ints = (node: Node, name: string): readonly number[] => {
  const attribute = node.attributes[name];
  return attribute?.kind === 'ints' ? attribute.value : [];
};

const scalars: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Exp: Math.exp,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Tanh: Math.tanh,
  Erf: errorFunction,
  Sigmoid: sigmoid,
  Cast: (x) => x,
  Gelu: (x) => (x * (1 + errorFunction(x / Math.SQRT2))) / 2,
  FastGelu: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
};

const pairs: Readonly<Record<string, (x: number, y: number) => number>> = {
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  Div: (x, y) => x / y,
};

function reshaped(x: Tensor, sizes: readonly number[]): Tensor {
  const known = sizes.map((size, axis) => (size === 0 ? x.shape[axis]! : size));
  const rest = known.reduce((product, size) => (size === -1 ? product : product * size), 1);
  return tensor(
    known.map((size) => (size === -1 ? x.data.length / rest : size)),
    x.data,
  );
}

/** Results of one node from its inputs. */
function compute(node: Node, inputs: readonly Tensor[]): Tensor[] {
  const [a, b, c] = inputs as [Tensor, Tensor, Tensor];
  const unary = scalars[node.operator];
  if (unary !== undefined) return [each(a, unary)];
  const pair = pairs[node.operator];
  if (pair !== undefined) return [binary(a, b, pair)];
  switch (node.operator) {
    case 'MatMul':
      return [matMul(a, b)];
    case 'Gemm': {
      const product = matMul(
        a,
        build([b.shape[1]!, b.shape[0]!], ([k, n]) => numberAt(b, [n!, k!])),
      );
      return [inputs.length === 3 ? binary(product, c, (x, y) => x + y) : product];
    }
    case 'ReduceSum':
    case 'ReduceMean':
      return [reduce(a, b.data, int(node, 'keepdims', 1) === 1, node.operator === 'ReduceMean')];
    case 'Softmax':
    case 'LogSoftmax':
      return [
        byRow(a, (row) => {
          const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
          return row.map((x) => (node.operator === 'Softmax' ? Math.exp(x - total) : x - total));
        }),
      ];
    case 'LayerNormalization':
      return [
        byRow(a, (row) => {
          const middle = mean(row);
          const deviation = Math.sqrt(mean(row.map((x) => (x - middle) ** 2)) + float(node, 'epsilon'));
          return row.map((x, i) => ((x - middle) / deviation) * b.data[i]! + c.data[i]!);
        }),
      ];
    case 'SimplifiedLayerNormalization':
      return [
        byRow(a, (row) => {
          const scale = Math.sqrt(mean(row.map((x) => x * x)) + float(node, 'epsilon'));
          return row.map((x, i) => (x / scale) * b.data[i]!);
        }),
      ];
    case 'Shape': {
      const [start, end] = [int(node, 'start', 0), int(node, 'end', a.shape.length)];
      return [tensor([end - start], a.shape.slice(start, end))];
    }
    case 'ConstantOfShape':
      return [tensor(a.data, Array<number>(sizeOf(a.data)).fill(0))];
    case 'Reshape':
      return [reshaped(a, b.data)];
    case 'Unsqueeze': {
      const shape = [...a.shape];
      for (const axis of b.data) shape.splice(axis, 0, 1);
      return [tensor(shape, a.data)];
    }
    case 'Expand':
      return [build(b.data, (at) => numberAt(a, at))];
    case 'Transpose': {
      const order = ints(node, 'perm');
      const shape = order.map((axis) => a.shape[axis]!);
      return [
        build(shape, (at) =>
          numberAt(
            a,
            a.shape.map((_, axis) => at[order.indexOf(axis)]!),
          ),
        ),
      ];
    }
    case 'Split': {
      let start = 0;
      return b.data.map((width) => {
        const from = start;
        start += width;
        return build([...a.shape.slice(0, -1), width], (at) =>
          numberAt(a, [...at.slice(0, -1), at.at(-1)! + from]),
        );
      });
    }
    case 'Concat': {
      const axis = int(node, 'axis', 0);
      const size = inputs.reduce((sum, part) => sum + part.shape[axis]!, 0);
      const shape = a.shape.map((own, i) => (i === axis ? size : own));
      return [
        build(shape, (at) => {
          let index = at[axis]!;
          for (const part of inputs) {
            if (index < part.shape[axis]!)
              return numberAt(
                part,
                at.map((own, i) => (i === axis ? index : own)),
              );
            index -= part.shape[axis]!;
          }
          return NaN;
        }),
      ];
    }
    case 'Slice': {
      const [from, to, axis] = [b.data[0]!, c.data[0]!, inputs[3]!.data[0]!];
      const shape = a.shape.map((own, i) => (i === axis ? to - from : own));
      return [
        build(shape, (at) =>
          numberAt(
            a,
            at.map((own, i) => (i === axis ? own + from : own)),
          ),
        ),
      ];
    }
    case 'Gather':
      return [
        build([...b.shape, a.shape[1]!], (at) => numberAt(a, [numberAt(b, at.slice(0, -1)), at.at(-1)!])),
      ];
    case 'GatherElements':
      return [build(b.shape, (at) => numberAt(a, [at[0]!, numberAt(b, at)]))];
    case 'ScatterElements': {
      const data = [...a.data];
      const axis = int(node, 'axis', 0);
      for (const at of places(b.shape)) {
        const to = at.map((own, i) => (i === axis ? numberAt(b, at) : own));
        data[to[0]! * a.shape[1]! + to[1]!]! += numberAt(c, at);
      }
      return [tensor(a.shape, data)];
    }
    default:
      throw new Error(`the interpreter does not know ${node.operator}`);
  }
}

/** The values that a graph computes from its inputs, by the value they are in the graph. */
export function interpret(g: Graph, inputs: ReadonlyMap<Value, Tensor>): ReadonlyMap<Value, Tensor> {
  const known = new Map(inputs);
  for (const { value, pieces } of g.initializers) {
    const data = [...pieces()].flatMap((numbers) => Array.from(numbers));
    known.set(value, tensor(value.shape.map(Number), data));
  }
  for (const node of g.nodes) {
    const given = node.inputs.map((input) => {
      const found = input === null ? undefined : known.get(input);
      if (found === undefined) throw new Error(`${node.name}: ${input?.name ?? 'an input'} was not fed`);
      return found;
    });
    const results = compute(node, given);
    for (const [i, output] of node.outputs.entries()) if (output !== null) known.set(output, results[i]!);
  }
  return known;
}
