/**
 * @file Operators that work number by number, and how they pass gradients back.
 */

import type { Graph, Value } from '../graph.js';
import { like } from '../operator-checks.js';
import { add, cast, div, mul, sigmoid, sub } from '../operators.js';
import { ruleOfOne, scalar, sumTo, type Rule } from './rule.js';

const unary =
  (operator: string) =>
  (g: Graph, x: Value): Value =>
    g.node(operator, [x], [like(x)])[0];

/** -x. */
export const neg = unary('Neg');
/** e^x. */
export const exp = unary('Exp');
/** The square root. */
export const sqrt = unary('Sqrt');
/** 1 / x. */
export const reciprocal = unary('Reciprocal');
/** The hyperbolic tangent. */
export const tanh = unary('Tanh');
/** The error function. */
export const erf = unary('Erf');

/** x times a number. */
export const times = (g: Graph, x: Value, factor: number): Value => mul(g, x, scalar(g, x, factor));

/** Both operands may be stretched. */
export const ADD: Rule = ruleOfOne((g, [a, b], dy) => [() => sumTo(g, dy, a!), () => sumTo(g, dy, b!)]);

export const SUB: Rule = ruleOfOne((g, [a, b], dy) => [
  () => sumTo(g, dy, a!),
  () => sumTo(g, neg(g, dy), b!),
]);

/** d(ab) = b da + a db. */
export const MUL: Rule = ruleOfOne((g, [a, b], dy) => [
  () => sumTo(g, mul(g, dy, b!), a!),
  () => sumTo(g, mul(g, dy, a!), b!),
]);

/** d(a / b) = da / b - (a / b^2) db. */
export const DIV: Rule = ruleOfOne((g, [a, b], dy) => [
  () => sumTo(g, div(g, dy, b!), a!),
  () => sumTo(g, neg(g, div(g, mul(g, dy, a!), mul(g, b!, b!))), b!),
]);

export const NEG: Rule = ruleOfOne((g, _, dy) => [() => neg(g, dy)]);

export const EXP: Rule = ruleOfOne((g, _, dy, node) => [() => mul(g, dy, node.outputs[0]!)]);

/** d sqrt(x) = dx / (2 sqrt(x)). */
export const SQRT: Rule = ruleOfOne((g, _, dy, node) => [() => div(g, times(g, dy, 0.5), node.outputs[0]!)]);

/** d(1 / x) = -dx / x^2. */
export const RECIPROCAL: Rule = ruleOfOne((g, _, dy, node) => [
  () => {
    const y = node.outputs[0]!;
    return neg(g, mul(g, dy, mul(g, y, y)));
  },
]);

/** d tanh(x) = (1 - y^2) dx. */
export const TANH: Rule = ruleOfOne((g, _, dy, node) => [
  () => {
    const y = node.outputs[0]!;
    return mul(g, dy, sub(g, scalar(g, y, 1), mul(g, y, y)));
  },
]);

/** d erf(x) = 2 / sqrt(pi) e^(-x^2) dx. */
export const ERF: Rule = ruleOfOne((g, [x], dy) => [
  () => mul(g, dy, times(g, exp(g, neg(g, mul(g, x!, x!))), 2 / Math.sqrt(Math.PI))),
]);

/** d sigmoid(x) = y (1 - y) dx. */
export const SIGMOID: Rule = ruleOfOne((g, _, dy, node) => [
  () => {
    const y = node.outputs[0]!;
    return mul(g, dy, mul(g, y, sub(g, scalar(g, y, 1), y)));
  },
]);

/** A gradient has the type of what it belongs to. */
export const CAST: Rule = ruleOfOne((g, [x], dy) => [() => cast(g, dy, x!.type)]);

/** y = x Phi(x), with the normal distribution Phi: dy/dx = Phi(x) + x phi(x). */
export const GELU: Rule = ruleOfOne((g, [x], dy) => [
  () => {
    const below = times(g, add(g, erf(g, times(g, x!, Math.SQRT1_2)), scalar(g, x!, 1)), 0.5);
    const density = times(g, exp(g, times(g, mul(g, x!, x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(g, dy, add(g, below, mul(g, x!, density)));
  },
]);

/**
 * y = x s(2u) with u = sqrt(2 / pi) (x + 0.044715 x^3), since (1 + tanh u) / 2 is the sigmoid s of 2u:
 * dy/dx = s + x s (1 - s) 2 u', u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2).
 */
export const GELU_TANH: Rule = ruleOfOne((g, [x], dy) => [
  () => {
    const [root, cubic] = [Math.sqrt(2 / Math.PI), 0.044715];
    const one = scalar(g, x!, 1);
    const square = mul(g, x!, x!);
    const twice = mul(g, times(g, x!, 2 * root), add(g, times(g, square, cubic), one));
    const s = sigmoid(g, twice);
    const slope = times(g, add(g, times(g, square, 3 * cubic), one), 2 * root);
    const bend = mul(g, mul(g, x!, slope), mul(g, s, sub(g, one, s)));
    return mul(g, dy, add(g, s, bend));
  },
]);
