/**
 * @file A projector run by ONNX Runtime.
 *
 * Flow: chunk vectors -> **project** -> soft tokens.
 */

import { Tensor, type InferenceSession } from './runtime.js';

import { PROJECTOR_IO, type ProjectorArchitecture } from '../../onnx/projector-graph.js';
import type { Matrix } from '../../tensor/matrix.js';
import type { Projector, ProjectorLayers } from '../../inference/projector.js';
import { runSession } from './run-session.js';
import { floatOutput } from './session.js';

export interface OrtProjectorParts {
  readonly session: InferenceSession;
  readonly architecture: ProjectorArchitecture;
  readonly identity: string;
}

export class OrtProjector implements Projector {
  readonly identity: string;
  readonly layers: ProjectorLayers;
  readonly inputWidth: number;
  readonly hiddenWidths: readonly number[];
  readonly outputWidth: number;
  readonly #session: InferenceSession;

  constructor({ session, architecture, identity }: OrtProjectorParts) {
    this.identity = identity;
    this.layers = architecture.layers;
    this.inputWidth = architecture.inputWidth;
    this.hiddenWidths = architecture.hiddenWidths;
    this.outputWidth = architecture.outputWidth;
    this.#session = session;
  }

  async project(vectors: Matrix): Promise<Matrix> {
    if (vectors.cols !== this.inputWidth) {
      throw new RangeError(`vectors are ${vectors.cols} wide but the projector takes ${this.inputWidth}`);
    }
    if (vectors.rows === 0) return { rows: 0, cols: this.outputWidth, data: new Float32Array(0) };
    const input = new Tensor('float32', vectors.data, [vectors.rows, vectors.cols]);
    const results = await runSession(this.#session, { [PROJECTOR_IO.vectors]: input });
    return {
      rows: vectors.rows,
      cols: this.outputWidth,
      data: floatOutput(results, PROJECTOR_IO.soft),
    };
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
