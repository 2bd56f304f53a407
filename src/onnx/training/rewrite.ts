/**
 * @file Changes of a finished graph, in place: values that are fed instead of computed, and nodes that nobody needs.
 */

import type { Graph, Value } from '../graph.js';

/** Lets every node read other values in the place of some. */
export function substitute(g: Graph, others: ReadonlyMap<Value, Value>): void {
  const nodes = g.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => (input === null ? null : (others.get(input) ?? input))),
  }));
  g.nodes.splice(0, Infinity, ...nodes);
}

/** Removes nodes, constants and inputs that no output depends on. The runtime would compute them. */
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
