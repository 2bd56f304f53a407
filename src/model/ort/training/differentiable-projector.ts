/**
 * @file A projector that learns, run by ONNX Runtime. The caller holds its parameters and feeds them at each call.
 *
 * Shape letters: N chunk vectors, E encoder width, C decoder width, k soft tokens a vector.
 */

import { Tensor, type InferenceSession } from '../runtime.js';

import type { DifferentiableProjector, ParameterValues } from '../../../inference/differentiable.js';
import { PROJECTOR_IO, type ProjectorArchitecture } from '../../../onnx/projector-graph.js';
import {
  buildProjectorTraining,
  parameterGradient,
  SOFT_GRADIENT,
} from '../../../onnx/training/projector-gradients.js';
import { matrixOf, type Matrix } from '../../../tensor/matrix.js';
import { runSession } from '../run-session.js';
import { createSession, floatOutput, type ModelOptions } from '../session.js';

interface Direction {
  readonly session: InferenceSession;
  readonly parameters: ReadonlyMap<string, readonly number[]>;
}

export class OrtDifferentiableProjector implements DifferentiableProjector {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly #architecture: ProjectorArchitecture;
  readonly #forward: Direction;
  readonly #backward: Direction;

  private constructor(architecture: ProjectorArchitecture, forward: Direction, backward: Direction) {
    this.shapes = forward.parameters;
    this.#architecture = architecture;
    this.#forward = forward;
    this.#backward = backward;
  }

  /** @throws {ModelError} If the runtime cannot load the graphs. */
  static async open(
    architecture: ProjectorArchitecture,
    options: ModelOptions,
  ): Promise<OrtDifferentiableProjector> {
    const direction = async (role: 'forward' | 'backward'): Promise<Direction> => {
      const { graph, parameters } = buildProjectorTraining(architecture, role);
      return { session: await createSession(graph, role, options), parameters };
    };
    return new OrtDifferentiableProjector(
      architecture,
      await direction('forward'),
      await direction('backward'),
    );
  }

  async forward(parameters: ParameterValues, vectors: Matrix): Promise<Matrix> {
    const { outputWidth } = this.#architecture;
    if (vectors.rows === 0) return matrixOf(0, outputWidth, new Float32Array(0));
    const feeds = this.#feeds(this.#forward, parameters, vectors);
    const results = await runSession(this.#forward.session, feeds);
    return matrixOf(vectors.rows, outputWidth, floatOutput(results, PROJECTOR_IO.soft));
  }

  async backward(
    parameters: ParameterValues,
    vectors: Matrix,
    outputGradient: Matrix,
  ): Promise<ParameterValues> {
    const { rows, cols, data } = outputGradient;
    if (rows !== vectors.rows || cols !== this.#architecture.outputWidth) {
      throw new RangeError(
        `the gradient at the soft tokens is ${rows} x ${cols}, but they are ${vectors.rows} x ` +
          `${this.#architecture.outputWidth}`,
      );
    }
    if (rows === 0) return zerosOf(this.shapes);
    const feeds = this.#feeds(this.#backward, parameters, vectors);
    const gradient = new Tensor('float32', data, [rows, cols]);
    const results = await runSession(this.#backward.session, { ...feeds, [SOFT_GRADIENT]: gradient });
    return new Map(
      [...this.shapes.keys()].map((name) => [name, floatOutput(results, parameterGradient(name))]),
    );
  }

  async dispose(): Promise<void> {
    await this.#forward.session.release();
    await this.#backward.session.release();
  }

  #feeds(
    { parameters: needed }: Direction,
    parameters: ParameterValues,
    vectors: Matrix,
  ): InferenceSession.FeedsType {
    const { inputWidth } = this.#architecture;
    if (vectors.cols !== inputWidth) {
      throw new RangeError(`vectors are ${vectors.cols} wide but the projector takes ${inputWidth}`);
    }
    const tensors = [...needed].map(([name, shape]): [string, Tensor] => {
      const values = parameters.get(name);
      const count = sizeOf(shape);
      if (values?.length !== count) {
        throw new RangeError(
          `the parameter ${name} has ${values?.length ?? 'no'} numbers instead of ${count}`,
        );
      }
      return [name, new Tensor('float32', values, shape)];
    });
    return {
      ...Object.fromEntries(tensors),
      [PROJECTOR_IO.vectors]: new Tensor('float32', vectors.data, [vectors.rows, inputWidth]),
    };
  }
}

function zerosOf(shapes: ReadonlyMap<string, readonly number[]>): ParameterValues {
  return new Map([...shapes].map(([name, shape]) => [name, new Float32Array(sizeOf(shape))]));
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
