/**
 * @file An exported model that is being rewired: values are renamed, nodes replaced, and what nobody needs is dropped.
 */

import type { ExportedModel, ExportedNode, ExportedTensor, ExportedValue } from './exported-model.js';

/** A model being rewired: who makes a value, who reads it, and what is added. */
export class Wiring {
  readonly model: ExportedModel;
  nodes: ExportedNode[];
  initializers: ExportedTensor[];
  inputs: ExportedValue[];
  outputs: ExportedValue[];

  constructor(model: ExportedModel) {
    this.model = model;
    this.nodes = [...model.nodes];
    this.initializers = [...model.initializers];
    this.inputs = [...model.inputs];
    this.outputs = [...model.outputs];
  }

  producer(value: string): ExportedNode | undefined {
    return this.nodes.find(({ outputs }) => outputs.includes(value));
  }

  consumers(value: string): ExportedNode[] {
    return this.nodes.filter(({ inputs }) => inputs.includes(value));
  }

  weight(name: string): ExportedTensor | undefined {
    return this.initializers.find((tensor) => tensor.name === name);
  }

  /**
   * Whether a value is the same in every run: a weight, or computed from weights alone. Each value is looked at once,
   * since the file may share values without end or run in circles.
   */
  isConstant(value: string): boolean {
    const weights = new Set(this.initializers.map(({ name }) => name));
    const makers = makersOf(this.nodes);
    const seen = new Set<string>();
    const open = [value];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at === '' || seen.has(at) || weights.has(at)) continue;
      seen.add(at);
      const node = makers.get(at);
      if (node === undefined) return false;
      for (const input of node.inputs) open.push(input);
    }
    return true;
  }

  /** A name that nothing in the graph has. */
  fresh(stem: string): string {
    const used = new Set([
      ...this.nodes.flatMap(({ inputs, outputs, name }) => [...inputs, ...outputs, name]),
      ...this.initializers.map(({ name }) => name),
      ...this.inputs.map(({ name }) => name),
    ]);
    let name = `llava_eval/${stem}`;
    for (let i = 1; used.has(name); i++) name = `llava_eval/${stem}_${i}`;
    return name;
  }

  /** Lets every reader of a value, but the given ones, read another. */
  rename(from: string, to: string, except: readonly ExportedNode[] = []): void {
    this.nodes = this.nodes.map((node) =>
      except.includes(node) || !node.inputs.includes(from) ? node : withInputs(node, from, to),
    );
  }

  replace(old: ExportedNode, ...nodes: readonly ExportedNode[]): void {
    this.nodes.splice(this.nodes.indexOf(old), 1, ...nodes);
  }

  /** The model with all that its outputs need, in the order it had. */
  pruned(
    outputs: readonly ExportedValue[] = this.outputs,
    inputs: readonly ExportedValue[] = this.inputs,
  ): ExportedModel {
    const makers = makersOf(this.nodes);
    const needed = new Set<string>();
    const kept = new Set<ExportedNode>();
    const open = outputs.map(({ name }) => name);
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (needed.has(value)) continue;
      needed.add(value);
      const node = makers.get(value);
      if (node === undefined || kept.has(node)) continue;
      kept.add(node);
      for (const input of node.inputs) open.push(input);
    }
    return {
      ...this.model,
      nodes: this.nodes.filter((node) => kept.has(node)),
      initializers: this.initializers.filter(({ name }) => needed.has(name)),
      inputs,
      outputs,
    };
  }
}

/** The node that makes each value. */
function makersOf(nodes: readonly ExportedNode[]): Map<string, ExportedNode> {
  return new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
}

/** A node that reads another value in the place of one. */
export function withInputs(node: ExportedNode, from: string, to: string): ExportedNode {
  return { ...node, inputs: node.inputs.map((input) => (input === from ? to : input)) };
}
