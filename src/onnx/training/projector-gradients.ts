/**
 * @file Graphs of a projector that learns: its parameters are inputs, and the gradients of all of them are results.
 *
 * Flow: chunk vectors, parameters -> **the layers of `projector-graph.ts`** -> soft tokens, or with the gradient at
 * them the gradients of the parameters.
 *
 * Shape letters: K vectors, E encoder width, C decoder width, k soft tokens a vector.
 */

import { Graph, type Value } from '../graph.js';
import { differentiate } from '../gradients/differentiate.js';
import { PROJECTOR_IO, projectorLayers, type ProjectorArchitecture } from '../projector-graph.js';
import { prune } from './rewrite.js';

/** Name of the gradient at the soft tokens, [K, k C], which the backward graph is fed. */
export const SOFT_GRADIENT = 'soft_tokens_gradient';

/** Name of the result that is the gradient of a parameter. */
export const parameterGradient = (parameter: string): string => `${parameter}:gradient`;

export interface ProjectorGraph {
  readonly graph: Graph;
  /** Names and shapes of the parameters that the graph is fed, in the order of the file. */
  readonly parameters: ReadonlyMap<string, readonly number[]>;
}

/**
 * Describes a projector that learns.
 *
 * @param role `forward` gives soft tokens; `backward` gives the gradient of each parameter.
 */
export function buildProjectorTraining(
  architecture: ProjectorArchitecture,
  role: 'forward' | 'backward',
): ProjectorGraph {
  const g = new Graph(`projector, ${role}`);
  const vectors = g.input(PROJECTOR_IO.vectors, 'float32', ['K', architecture.inputWidth]);
  const parameters = new Map<string, Value>();
  const shapes = new Map<string, readonly number[]>();
  const soft = projectorLayers(g, architecture, vectors, (name, shape) => {
    const value = g.input(name, 'float32', shape);
    parameters.set(name, value);
    shapes.set(name, shape);
    return value;
  });
  if (role === 'forward') {
    g.output(PROJECTOR_IO.soft, soft);
    return { graph: g, parameters: shapes };
  }
  const gradient = g.input(SOFT_GRADIENT, 'float32', soft.shape);
  const gradients = differentiate(g, [{ value: soft, gradient }], [...parameters.values()]);
  for (const [i, name] of [...parameters.keys()].entries()) g.output(parameterGradient(name), gradients[i]!);
  prune(g);
  const used = new Set(g.inputs.map(({ name }) => name));
  return { graph: g, parameters: new Map([...shapes].filter(([name]) => used.has(name))) };
}
