/**
 * @file Mutators of JSON. They work on a tree of members and raw texts, because JavaScript's own values can hold
 * neither a key twice nor a number that is too large.
 */

import type { Rng } from '../../../src/tensor/rng.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';

/** A value: members in order, elements, or the text of anything else. */
type Node =
  | { readonly kind: 'object'; members: [key: string, value: Node][] }
  | { readonly kind: 'array'; items: Node[] }
  | { readonly kind: 'raw'; readonly text: string };

const raw = (text: string): Node => ({ kind: 'raw', text });

function treeOf(value: unknown): Node {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(treeOf) };
  if (typeof value === 'object' && value !== null) {
    return { kind: 'object', members: Object.entries(value).map(([key, inner]) => [key, treeOf(inner)]) };
  }
  return raw(JSON.stringify(value));
}

function textOf(node: Node): string {
  switch (node.kind) {
    case 'raw':
      return node.text;
    case 'array':
      return `[${node.items.map(textOf).join(',')}]`;
    case 'object':
      return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join(',')}}`;
  }
}

/** Deeper than any recursion goes. */
const DEEP = 20_000;

/** Values that readers stumble over: each is a JSON text, or one that is nearly JSON. */
const HOSTILE_VALUES: readonly ((rng: Rng) => string)[] = [
  () => 'null',
  () => 'true',
  () => '""',
  () => '[]',
  () => '{}',
  () => '0',
  () => '-0',
  () => '-1',
  () => '0.5',
  () => '1e999',
  () => '-1e999',
  () => '1e308',
  () => '5e-324',
  () => '4294967296',
  () => '2147483648',
  () => '9007199254740991',
  () => '9007199254740993',
  () => '1000000',
  () => '1000000000',
  () => 'NaN',
  () => 'Infinity',
  () => '"NaN"',
  () => '"Infinity"',
  () => '"1"',
  () => '[[[]]]',
  () => '[null]',
  () => '{"a":{"b":{}}}',
  () => '"__proto__"',
  () => '"constructor"',
  () => '"../../../../outside"',
  () => '"/etc/passwd"',
  () => '"C:\\\\outside"',
  () => '"a\\u0000b"',
  () => '"\\u001b[31mred\\u001b[0m\\u001b]0;title\\u0007"',
  () => '"line\\u2028separator\\u2029"',
  () => '"\\ud800"',
  () => '"</script><script>alert(1)</script>"',
  () => '"]]>&<!--"',
  () => '"\\u202e txt.exe"',
  (rng) => JSON.stringify('x'.repeat(pick([1_000, 10_000, 200_000], rng))),
  (rng) => JSON.stringify('\n'.repeat(pick([1_000, 50_000], rng))),
  (rng) => JSON.stringify(`${'a'.repeat(5_000)}!`.repeat(1 + rng.int(4))),
  () => '['.repeat(DEEP) + ']'.repeat(DEEP),
  () => '{"a":'.repeat(DEEP) + '1' + '}'.repeat(DEEP),
  () => '['.repeat(DEEP),
  (rng) =>
    `[${Array(pick([1_000, 50_000], rng))
      .fill('0')
      .join(',')}]`,
  () => `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":0`).join(',')}}`,
];

/** Keys that a plain object already has, and others that are not what they seem. */
const HOSTILE_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  '',
  '0',
  'a.b',
  '\u001b[31m',
  '../x',
];

/** A place in a tree: the node, and how to put another there. */
interface Place {
  readonly node: Node;
  readonly put: (node: Node) => void;
}

function placesOf(root: Node, putRoot: (node: Node) => void): Place[] {
  const places: Place[] = [];
  const open: Place[] = [{ node: root, put: putRoot }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    places.push(place);
    const { node } = place;
    if (node.kind === 'array') {
      node.items.forEach((item, i) => open.push({ node: item, put: (other) => (node.items[i] = other) }));
    } else if (node.kind === 'object') {
      for (const member of node.members) {
        open.push({ node: member[1], put: (other) => (member[1] = other) });
      }
    }
  }
  return places;
}

function bendTree(root: Node, other: Node, rng: Rng): Node {
  let result = root;
  const putRoot = (node: Node): void => {
    result = node;
  };
  const { node, put } = pick(placesOf(root, putRoot), rng);
  const hostile = (): Node => raw(pick(HOSTILE_VALUES, rng)(rng));
  const elsewhere = (from: Node): Node =>
    pick(
      placesOf(from, () => undefined),
      rng,
    ).node;
  switch (rng.int(9)) {
    case 0:
    case 1:
    case 2:
      put(hostile());
      break;
    case 3:
      // A value of another kind: what stands at another place, or in another seed.
      put(structuredClone(elsewhere(rng.int(2) === 0 ? root : other)));
      break;
    case 4:
      put({ kind: 'array', items: [node] });
      break;
    case 5:
      put({ kind: 'object', members: [[pick(HOSTILE_KEYS, rng), node]] });
      break;
    default:
      bendInside(node, hostile, rng);
  }
  return result;
}

function bendInside(node: Node, hostile: () => Node, rng: Rng): void {
  if (node.kind === 'array') {
    const at = rng.int(node.items.length + 1);
    const item = node.items[at];
    if (rng.int(2) === 0) node.items.splice(at, 1);
    else node.items.splice(at, 0, item === undefined ? hostile() : structuredClone(item));
  }
  if (node.kind !== 'object') return;
  const at = rng.int(node.members.length + 1);
  const member = node.members[at];
  switch (rng.int(4)) {
    case 0:
      node.members.splice(at, 1);
      break;
    case 1:
      if (member !== undefined) node.members.push([member[0], hostile()]);
      break;
    case 2:
      if (member !== undefined) member[0] = pick(HOSTILE_KEYS, rng);
      break;
    default:
      node.members.push([pick(HOSTILE_KEYS, rng), hostile()]);
  }
}

function parsed(bytes: Buffer): Node | null {
  try {
    return treeOf(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

/** One JSON text: mostly its tree is bent, sometimes its bytes. */
export const bendJson: Mutator = (seed, other, rng) => {
  const tree = parsed(seed);
  if (tree === null || rng.int(6) === 0) return bendBytes(seed, other, rng);
  const donor = parsed(other) ?? tree;
  let bent = tree;
  for (let left = 1 + rng.int(3); left > 0; left--) bent = bendTree(bent, donor, rng);
  return Buffer.from((rng.int(12) === 0 ? '\ufeff' : '') + textOf(bent));
};

/** Lines of JSON: one of them is bent, left out, repeated, cut or moved. */
export const bendJsonLines: Mutator = (seed, other, rng) => {
  if (rng.int(8) === 0) return bendBytes(seed, other, rng);
  const lines = seed.toString('utf8').trimEnd().split('\n');
  const donors = other.toString('utf8').trimEnd().split('\n');
  for (let left = 1 + rng.int(2); left > 0; left--) {
    const at = rng.int(lines.length + 1);
    const line = lines[at] ?? '';
    switch (rng.int(8)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, line);
        break;
      case 2:
        lines.splice(at, 0, pick(['', '\r', '\ufeff', '{}', '[]', 'null', '0', '"x"', '{', '\u2028'], rng));
        break;
      case 3:
        lines.splice(at, 0, pick(donors, rng));
        break;
      default:
        lines[at] = bendJson(Buffer.from(line), Buffer.from(pick(donors, rng)), rng).toString('utf8');
    }
  }
  return Buffer.from(lines.join(pick(['\n', '\n', '\n', '\r\n'], rng)) + (rng.int(3) === 0 ? '' : '\n'));
};
