/**
 * @file A typed computation graph under construction.
 *
 * Flow: architecture (`decoder-graph.ts`, ...) -> operators (`operators.ts`) -> **graph** ->
 * ONNX bytes (`model-proto.ts`).
 * Every value carries its element type and its shape, so that a wrong width fails where the graph
 * is written and not inside a runtime. Pure: no files, no runtime; weights are read on demand.
 *
 * A dimension is a number, or a name for a size known only at run time (`"T"`). Names are compared
 * as text: `"S+T"` is one more name, not a sum.
 */

export type ElementType = 'float32' | 'float16' | 'int8' | 'uint8' | 'int32' | 'int64';
export type FloatType = 'float32' | 'float16';

/** Elements of a weight on their way into a file, row-major. */
export type Numbers = Float32Array | Int8Array | Uint8Array | readonly number[];

/** Reads rows [from, to) of a weight, counted along its first dimension. */
export type RowReader = (from: number, to: number) => Numbers;

export type Dim = number | string;
export type Shape = readonly Dim[];

/** A tensor in the graph; made by a {@link Graph}, valid only in that graph. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A tensor without a name yet: what an operator says about its results. */
export type Result = Omit<Value, 'name'>;

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string };

export interface Node {
  readonly name: string;
  readonly operator: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  /** Null where an optional input is left out. */
  readonly inputs: readonly (Value | null)[];
  /** Null where an optional output is left out. */
  readonly outputs: readonly (Value | null)[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A weight or a constant. */
export interface Initializer {
  readonly value: Value;
  /** Its elements in consecutive pieces, read anew at each call and one piece at a time. */
  readonly pieces: () => Iterable<Numbers>;
}

/** Name of an output of the finished graph, and the value it hands out. */
export interface Output {
  readonly name: string;
  readonly value: Value;
}

/** What `node` returns for a list of results: a value each, null for those left out. */
export type Results<R extends readonly (Result | null)[]> = {
  [I in keyof R]: R[I] extends null ? null : Value;
};

/** Most numbers of one piece of a streamed weight: 16 MiB as Float32. */
const PIECE_NUMBERS = 1 << 22;

/** The domain of the fused operators that ONNX Runtime adds to ONNX. */
export const CONTRIB = 'com.microsoft';

/** "[1, T, 32]". */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Whether two shapes have the same dimensions, names compared as text. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Collects inputs, nodes, weights and outputs, and gives names to values that have none. */
export class Graph {
  readonly name: string;
  readonly inputs: Value[] = [];
  readonly outputs: Output[] = [];
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  readonly #names = new Set<string>();
  #scope = '';

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Runs `build` with `scope/` in front of the names of all nodes it adds, so that a profile says
   * which layer a node belongs to.
   */
  within<T>(scope: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}${scope}/`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /** Declares an input that the caller feeds by this name. */
  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name: this.#claim(name), type, shape };
    this.inputs.push(value);
    return value;
  }

  /**
   * Declares a result that the caller fetches by this name.
   *
   * @throws {RangeError} If the value is an input, a weight or an output already, since ONNX would need a copy for
   *   that.
   */
  output(name: string, value: Value): void {
    if (!this.nodes.some((node) => node.outputs.includes(value))) {
      throw new RangeError(`output ${name}: ${value.name} is not the result of a node of this graph`);
    }
    if (this.outputs.some((output) => output.value === value)) {
      throw new RangeError(`output ${name}: ${value.name} is an output already`);
    }
    this.outputs.push({ name: this.#claim(name), value });
  }

  /**
   * Adds a weight that is read as a whole.
   *
   * @param read Yields the product of `shape` numbers, row-major; called when the graph is encoded.
   */
  weight(name: string, type: ElementType, shape: readonly number[], read: () => Numbers): Value {
    const value = { name: this.#claim(name), type, shape };
    this.initializers.push({ value, pieces: () => [read()] });
    return value;
  }

  /**
   * Adds a weight that is read a few rows at a time, so that it is never in memory as a whole.
   *
   * @param read Called with consecutive ranges of rows when the graph is encoded.
   * @param rowCost Numbers that `read` holds for one row while it works, if more than it returns.
   */
  streamedWeight(
    name: string,
    type: ElementType,
    shape: readonly [number, ...number[]],
    read: RowReader,
    rowCost = shape.slice(1).reduce((product, dim) => product * dim, 1),
  ): Value {
    const value = { name: this.#claim(name), type, shape };
    const [rows] = shape;
    const step = Math.max(1, Math.floor(PIECE_NUMBERS / Math.max(1, rowCost)));
    this.initializers.push({
      value,
      *pieces() {
        for (let from = 0; from < rows; from += step) yield read(from, Math.min(from + step, rows));
      },
    });
    return value;
  }

  /** Adds a small constant. A scalar has shape []. */
  constant(type: ElementType, shape: readonly number[], numbers: readonly number[]): Value {
    const value = { name: this.#fresh('constant'), type, shape };
    this.initializers.push({ value, pieces: () => [numbers] });
    return value;
  }

  /** Adds a node and returns its results, in the order of `results`; null leaves a result out. */
  node<const R extends readonly (Result | null)[]>(
    operator: string,
    inputs: readonly (Value | null)[],
    results: R,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Results<R> {
    const name = this.#fresh(`${this.#scope}${operator}`);
    const outputs = results.map((result, i) =>
      result === null
        ? null
        : {
            name: this.#claim(results.length === 1 ? `${name}:out` : `${name}:out${i}`),
            type: result.type,
            shape: result.shape,
          },
    );
    this.nodes.push({ name, operator, domain, inputs, outputs, attributes });
    // `map` keeps the length of a tuple, but its type does not say so.
    return outputs as Results<R>;
  }

  /** Names are unique over the whole graph; a clash is a defect of the caller. */
  #claim(name: string): string {
    if (this.#names.has(name)) throw new RangeError(`the graph has two values named ${name}`);
    this.#names.add(name);
    return name;
  }

  #fresh(stem: string): string {
    return this.#claim(`${stem}_${this.#names.size}`);
  }
}
