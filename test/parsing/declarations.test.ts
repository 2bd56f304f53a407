import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadDeclarationReader, type DeclarationReader } from '../../src/parsing/declarations.js';

let read: DeclarationReader;
before(async () => {
  read = await loadDeclarationReader();
});

describe('the declarations of a piece of TypeScript', () => {
  test('are imports, types, signatures and fields, without bodies', () => {
    const text = `import { a } from './a.js';
export * from './b.js';
export interface Cart { readonly items: string[] }
type Id = string;
export function total(cart: Cart): number {
  const sum = cart.items.length;
  function inner() { return 1; }
  return sum;
}
export const rate = 0.2;
const table = {
  one: 1,
  two: 2,
};
export const twice = (x: number): number => {
  return 2 * x;
};
export class Shop extends Base {
  private readonly carts: Cart[] = [];
  constructor(readonly name: string) {
    super();
  }
  add(cart: Cart): void {
    this.carts.push(cart);
  }
}`;
    assert.deepEqual(read('src/shop.ts', text), [
      "import { a } from './a.js';",
      "export * from './b.js';",
      'export interface Cart { readonly items: string[] }',
      'type Id = string;',
      'export function total(cart: Cart): number',
      'export const rate = 0.2',
      'const table',
      'export const twice = (x: number): number =>',
      'export class Shop extends Base',
      'private readonly carts: Cart[] = []',
      'constructor(readonly name: string)',
      'add(cart: Cart): void',
    ]);
  });

  test('are found in a window that begins and ends within a class', () => {
    const text = `    return this.#size;
  }

  /** Adds one. */
  async add(item: Item): Promise<void> {
    const before = this.#size;
    this.#size = before + 1;
  }

  remove(item: Item): boolean {`;
    const found = read('src/bag.ts', text);
    assert.ok(found.includes('async add(item: Item): Promise<void>'), found.join('\n'));
    assert.ok(!found.some((one) => one.includes('before')), found.join('\n'));
  });

  test('leave out what a window has cut off', () => {
    // The end of a head, the end of a type, and a statement that a class would have as a method.
    const text = `): Lambda
{
  if (isReady(x)) {
    return x;
  }
}
export type Id = string;`;
    assert.deepEqual(read('a.ts', text), ['export type Id = string;']);
  });

  test('leave out the locals of a function whose head is not in the window', () => {
    assert.deepEqual(read('a.ts', 'const outer = 1;\n  const local = 2;\n'), ['const outer = 1']);
  });
});

test('JavaScript and TSX are read as well', () => {
  assert.deepEqual(read('a.mjs', 'export function f(a, b) { return a; }'), ['export function f(a, b)']);
  assert.deepEqual(read('a.tsx', 'export function App(): Element { return <p>hi</p>; }'), [
    'export function App(): Element',
  ]);
});

test('of Python: imports, classes with their fields, and the heads of functions', () => {
  const text = `from a import b
LIMIT = 3
class Cart(Base):
    size: int = 0
    def total(self, rate: float) -> float:
        value = self.size * rate
        return value

@cached
def rebuild(path):
    names = []
    return names
`;
  assert.deepEqual(read('cart.py', text), [
    'from a import b',
    'LIMIT = 3',
    'class Cart(Base):',
    'size: int = 0',
    'def total(self, rate: float) -> float:',
    'def rebuild(path):',
  ]);
});

test('a file in another language declares nothing here', () => {
  assert.deepEqual(read('a.rb', 'def f\nend\n'), []);
  assert.deepEqual(read('README', 'text'), []);
});
