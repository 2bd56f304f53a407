import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadPythonLines } from '../../../src/datasets/languages/python/find-lines.js';
import { chooseHoles } from '../../../src/datasets/holes/choose-holes.js';
import type { FoundLines, LineFinder } from '../../../src/datasets/languages/lines/language.js';

let finder: LineFinder;
before(async () => {
  finder = await loadPythonLines();
});

function find(files: Readonly<Record<string, string>>): FoundLines {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }));
  return finder.find({ root: '/repo', files: sources, read: () => null });
}

function lines(text: string): string[] {
  return find({ 'a.py': text }).candidates.map((candidate) => candidate.text);
}

describe('a line of Python is a candidate', () => {
  test('with its number and without its indentation', () => {
    assert.deepEqual(find({ 'a.py': 'def area(side):\n    return side * side + 1\n' }).candidates, [
      { path: 'a.py', line: 1, text: 'def area(side):', crossFile: false },
      { path: 'a.py', line: 2, text: 'return side * side + 1', crossFile: false },
    ]);
  });

  test('with a string as one token, and with the code inside an f-string', () => {
    // label, =, f, (, string, ) are 6 tokens; name, =, string are 3.
    assert.deepEqual(lines('label = f("a b c")\nlong_name = "one two three"\n'), ['label = f("a b c")']);
    // text, =, the string, {, count, } are 6.
    assert.deepEqual(lines('text = f"{count} items"\n'), ['text = f"{count} items"']);
  });

  test('with a comment mark inside a string', () => {
    assert.deepEqual(lines('url = join("#a", path)\n'), ['url = join("#a", path)']);
  });
});

describe('a line of Python is no candidate', () => {
  const good = 'kept = alpha + beta';
  const cases: readonly (readonly [string, string])[] = [
    ['if it has fewer than 5 tokens', 'long_function_name()\nraise SomethingWrong\n'],
    ['if it has fewer than 12 characters', 'a = b + c\n'],
    ['if it has no identifier', 'if 1 + 1 == 2: pass\n'],
    ['if it ends in white space', 'x = alpha + beta \n'],
    ['if it is a comment, or one follows the code', '# x = alpha + beta\nx = alpha + beta  # a sum\n'],
    ['if it is an import', 'import alpha.beta as gamma, delta\nfrom alpha import beta as gamma\n'],
    ['if it is part of an import', 'from alpha import (\n    beta as gamma, delta,\n)\n'],
    ['if it is an import of the future', 'from __future__ import annotations, division\n'],
    ['if it lies in a docstring', 'def f():\n    """x = alpha + beta\n    y = alpha + beta\n    """\n'],
    ['if it is a docstring of one line', 'def f():\n    """Adds alpha + beta, then gamma."""\n'],
    ['if it lies in a string over several lines', 'text = """\nx = alpha + beta\n"""\n'],
    ['if such a string begins or ends on it', 'text = call(alpha, """a\nb""", beta + gamma)\n'],
  ];
  for (const [claim, text] of cases) {
    test(claim, () => {
      assert.deepEqual(lines(`${good}\n${text}`), [good]);
    });
  }

  test('if its file has a syntax error, which is counted', () => {
    const { candidates, unparsed } = find({ 'a.py': `${good}\ndef :\n`, 'b.py': `${good}\n` });
    assert.deepEqual(unparsed, ['a.py']);
    assert.deepEqual(
      candidates.map(({ path }) => path),
      ['b.py'],
    );
  });
});

/** A repository with the source in src/, and a script beside it. */
const OTHERS = {
  'src/shop/__init__.py': 'from .money import price\n',
  'src/shop/money.py': '__all__ = ["price", "tax"]\nprice = 1\ntax = 2\nhidden = 3\n',
  'src/shop/util/__init__.py': '',
  'src/shop/util/text.py': 'def clean(t):\n    return t\n_secret = 1\n',
  'src/spaces/plain.py': 'from shop.util.text import *\nvalue = 1\n',
  'scripts/logging.py': 'level = 1\n',
  'scripts/tool.py': 'run = 1\n',
  'other/src/basket/__init__.py': 'full = 1\n',
};

/** The marked lines of a file. */
function marked(text: string, path = 'src/shop/cart.py'): string[] {
  return find({ ...OTHERS, [path]: text })
    .candidates.filter((candidate) => candidate.path === path && candidate.crossFile)
    .map((candidate) => candidate.text);
}

describe('a line of Python is cross-file', () => {
  const uses: readonly (readonly [string, string, string])[] = [
    ['from a module beside it', 'from .money import price', 'price'],
    ['under another name', 'from .money import price as p', 'p'],
    ['from a package above it', 'from ..shop.money import price', 'price'],
    ['from the package itself', 'from . import price', 'price'],
    ['as a module of the package', 'from . import money', 'money.price'],
    ['as a package of the package', 'from . import util', 'util.x'],
    ['by its full name below src', 'from shop.money import price', 'price'],
    ['as a module by its full name', 'import shop.money', 'shop.money.price'],
    ['as a module under another name', 'import shop.util.text as t', 't.clean'],
    ['from a folder without __init__.py', 'from spaces.plain import value', 'value'],
    ['as a module of such a folder', 'from spaces import plain', 'plain.value'],
    ['from a package of another project in the repository', 'from basket import full', 'full'],
    ['with everything that a module lists', 'from .money import *', 'tax'],
    ['with everything that a module passes on', 'from spaces.plain import *', 'clean'],
  ];
  for (const [how, statement, use] of uses) {
    test(`if it uses what it imports ${how}`, () => {
      assert.deepEqual(marked(`${statement}\ntotal = ${use} * 2 + 1\nother = cost * 2 + 1\n`), [
        `total = ${use} * 2 + 1`,
      ]);
    });
  }

  test('if a function imports the name, and in that function only', () => {
    assert.deepEqual(
      marked(
        'def f():\n    from .money import tax\n    return tax * 2 + 1\ndef g():\n    return tax * 3 + 1\n',
      ),
      ['return tax * 2 + 1'],
    );
  });

  test('if the import stands in a try or under a condition', () => {
    const text =
      'try:\n    from .money import price\nexcept ImportError:\n    price = None\n' +
      'if TYPE_CHECKING:\n    from .util import text\n' +
      'def f(a: text.T, b: int) -> None:\n    return price * 2 + 1\n';
    assert.deepEqual(marked(text), ['def f(a: text.T, b: int) -> None:', 'return price * 2 + 1']);
  });

  test('if the name is an annotation, a default, a decorator, a base, a pattern or inside an f-string', () => {
    const text =
      'from .money import price\n' +
      'def f(a, b=price, c=1):\n    pass\n' +
      'def g(price: price = 1):\n    pass\n' +
      '@price.register(1, 2)\ndef h():\n    pass\n' +
      'class Cart(price.Base, Other):\n    pass\n' +
      'def m(v):\n    match v:\n        case price(total=1, count=2):\n            pass\n' +
      'label = f"{price} each"\n';
    assert.deepEqual(marked(text), [
      'def f(a, b=price, c=1):',
      'def g(price: price = 1):',
      '@price.register(1, 2)',
      'class Cart(price.Base, Other):',
      'case price(total=1, count=2):',
      'label = f"{price} each"',
    ]);
  });

  test('if a script uses what lies beside it', () => {
    assert.deepEqual(marked('import tool\nx = tool.run * 2 + 1\n', 'scripts/main.py'), [
      'x = tool.run * 2 + 1',
    ]);
  });
});

describe('a line of Python is not cross-file', () => {
  const imported = 'from .money import price\n';
  const cases: readonly (readonly [string, string])[] = [
    ['if the name comes from a package', 'from prices import price\ntotal = price * 2 + 1\n'],
    ['if the module is not part of the repository', 'from .lost import price\ntotal = price * 2 + 1\n'],
    [
      'if the name is the own package only',
      'from . import lost\nfrom .cart import own\ntotal = own * 2 + 1\n',
    ],
    ['if a parameter shadows the import', `${imported}def f(price, *a):\n    return price * 2 + 1\n`],
    [
      'if a typed or a starred parameter does',
      `${imported}def f(a, *price: int):\n    return price * 2 + 1\n`,
    ],
    [
      'if a local variable does, wherever it is set',
      `${imported}def f():\n    x = price * 2 + 1\n    price = 3\n`,
    ],
    [
      'if the target of a loop does',
      `${imported}def f(rows):\n    for price, b in rows:\n        x = price * 2 + 1\n`,
    ],
    [
      'if the name of `with` or `except` does',
      `${imported}def f():\n    with a as price:\n        x = price * 2 + 1\n`,
    ],
    ['if a comprehension does', `${imported}x = [price for price in rows]\n`],
    [
      'if an assignment expression does',
      `${imported}def f():\n    if (price := g()) > 1 + 2:\n        x = price * 2 + 1\n`,
    ],
    ['if a lambda does', `${imported}x = lambda price: price + 1\n`],
    [
      'if a pattern captures it',
      `${imported}def f(v):\n    match v:\n        case [price, *b]:\n            x = price * 2 + 1\n`,
    ],
    [
      'if the name stands after a dot or before "="',
      `${imported}x = item.price * 2 + 1\ny = call(price=1, b=2)\n`,
    ],
    ['if the name is bound there', `${imported}price = alpha * 2 + 1\n`],
    ['if the library has a module of that name', 'import logging\nx = logging.level * 2 + 1\n'],
    ['if a module hides the name from "*"', 'from .money import *\ntotal = hidden * 2 + 1\n'],
    ['if the name begins with "_" and comes by "*"', 'from .util.text import *\ntotal = _secret * 2 + 1\n'],
  ];
  for (const [claim, text] of cases) {
    test(claim, () => {
      assert.deepEqual(marked(text), []);
    });
  }

  test('if a script imports a name of the library that lies beside it', () => {
    assert.deepEqual(marked('import logging\nx = logging.level * 2 + 1\n', 'scripts/main.py'), []);
  });
});

describe('names in nested scopes', () => {
  test('skip classes, and obey global and nonlocal', () => {
    const text = [
      'from .money import price',
      'class Cart:',
      '    price = 3',
      '    inside = price * 2 + 1',
      '    def total(self):',
      '        return price * 3 + 1',
      'def outer():',
      '    price = 1',
      '    def inner():',
      '        nonlocal price',
      '        price = price * 4 + 1',
      '    def other():',
      '        global price',
      '        return price * 5 + 1',
      '',
    ].join('\n');
    assert.deepEqual(marked(text), ['return price * 3 + 1', 'return price * 5 + 1']);
  });
});

describe("RepoEval's rules for lines hold for the holes of a Python file", () => {
  // Six blocks, six lines apart: a comment, a line with 3 tokens, one that every block has, and one of its own.
  const blocks = [0, 1, 2, 3, 4, 5].map(
    (n) =>
      `# total = alpha + beta + ${n}\nshort_name_${n} = ${n}\ntotal = alpha + beta\nvalue_${n} = f(${n}, ${n})\n\n\n`,
  );
  const text = blocks.join('');

  test('each has at least 5 tokens, none is a comment, and no text is taken twice', () => {
    const { candidates } = find({ 'a.py': text });
    const texts = chooseHoles(candidates, 200, 0).map((hole) => hole.text);
    // "total = alpha + beta" and "value_n = f(n, n)" have 5 and 8 tokens; the first is taken once at most.
    assert.equal(new Set(texts).size, texts.length);
    for (const taken of texts) assert.match(taken, /^(total = alpha \+ beta|value_\d = f\(\d, \d\))$/);
    // Each block has room for one hole, since two of a file are at least 5 lines apart.
    assert.equal(texts.length, 6);
  });
});
