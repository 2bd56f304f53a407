/**
 * @file Takes out of a graph what no output needs. The runtime would compute it.
 */

import type { Graph, Value } from '../graph.js';

/** Removes nodes, constants and inputs that no output depends on, in place. */
export function prune(g: Graph): void {
  const needed = new Set<Value>(g.outputs.map(({ value }) => value));
  const isNeeded = (value: Value | null): boolean => value !== null && needed.has(value);
  // Nodes stand in the order in which they are computed, so one pass from the end finds all.
  const kept = [...g.nodes].reverse().filter(({ outputs, inputs }) => {
    if (!outputs.some(isNeeded)) return false;
    for (const input of inputs) if (input !== null) needed.add(input);
    return true;
  });
  g.nodes.splice(0, Infinity, ...kept.reverse());
  g.initializers.splice(0, Infinity, ...g.initializers.filter(({ value }) => needed.has(value)));
  g.inputs.splice(0, Infinity, ...g.inputs.filter((value) => needed.has(value)));
}
