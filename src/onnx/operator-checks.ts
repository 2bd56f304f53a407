/**
 * @file Shared by all operators: attributes, and checks of element types and shapes.
 *
 * Each check throws a RangeError whose message starts with the operator and gives the shapes.
 */

import { formatShape, sameShape, type Attribute, type Result, type Shape, type Value } from './graph.js';

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const float = (value: number): Attribute => ({ kind: 'float', value });
export const ints = (...value: readonly number[]): Attribute => ({ kind: 'ints', value });
export const string = (value: string): Attribute => ({ kind: 'string', value });

/** Refuses the arguments of an operator; the message gives their types and shapes. */
export function fail(operator: string, problem: string, ...values: readonly Value[]): never {
  const shapes = values.map((value) => `${value.type}${formatShape(value.shape)}`).join(' and ');
  throw new RangeError(`${operator} of ${shapes}: ${problem}`);
}

export function requireSameType(operator: string, first: Value, ...others: readonly Value[]): void {
  for (const other of others) {
    if (other.type !== first.type) fail(operator, 'element types differ', first, other);
  }
}

export function requireShape(operator: string, role: string, value: Value, shape: Shape): void {
  if (!sameShape(value.shape, shape)) fail(operator, `${role} must be ${formatShape(shape)}`, value);
}

export function requireRank(operator: string, value: Value, rank: number): void {
  if (value.shape.length !== rank) fail(operator, `expected ${rank} dimensions`, value);
}

/** The last dimension, which must be a number. */
export function lastWidth(operator: string, value: Value): number {
  const width = value.shape.at(-1);
  if (typeof width !== 'number') return fail(operator, 'the last dimension must be a number', value);
  return width;
}

/** The type and the shape of a value, for a result that has the same. */
export function like(value: Value): Result {
  return { type: value.type, shape: value.shape };
}
