/**
 * A small made-up repository in each language, with its holes and marks written down by hand: a line of the
 * first file that ends in a comment `+` below is a hole that uses the other file, `-` a hole that does not, and
 * all other lines are none. The comments are taken off before the lines are read.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { languageKind } from '../../../src/datasets/languages/all.js';
import { isSourcePath } from '../../../src/datasets/repository/source-path.js';
import { LANGUAGES, languageFacts, languageOfPath, type Language } from '../../../src/domain/languages.js';

interface Sample {
  /** The file with the holes, marked. */
  readonly path: string;
  readonly text: string;
  /** The other file, and what else there is. */
  readonly others: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
  /** A file with a syntax error. */
  readonly broken: string;
  /** Paths that hold no source. */
  readonly unwanted: readonly string[];
}

const SAMPLES: Readonly<Record<Language, Sample>> = {
  typescript: {
    path: 'src/cart.ts',
    text: `
import { rate, type Price } from './money.js';

/** Adds up. */
export function total(prices: Price[]): number { /*+*/
  const base = prices.length * 100; /*-*/
  const text = \`
    rate of everything \${base + 1}
  \`;
  return base * rate(text) + 1; /*+*/
}

function local(rate: number): number { /*-*/
  return rate * 2 + rate; /*-*/
}
`,
    others: {
      'src/money.ts': 'export type Price = number;\nexport const rate = (text: string) => text.length;\n',
    },
    broken: 'const = 1;\n',
    unwanted: ['src/cart.test.ts', 'src/cart.d.ts', 'src/api.gen.ts', 'tests/cart.ts'],
  },
  javascript: {
    path: 'lib/cart.js',
    text: `
const { rate } = require('./money'); /*-*/

function total(prices) { /*-*/
  // a sum of prices, with rate
  return prices.length * rate(1) + 1; /*+*/
}
module.exports = { total, other: rate }; /*+*/
`,
    others: { 'lib/money.js': 'module.exports = { rate: (text) => text.length };\n' },
    broken: 'const = 1;\n',
    unwanted: ['lib/cart.spec.js', 'lib/page.min.js', 'spec/cart.js'],
  },
  python: {
    path: 'src/shop/cart.py',
    text: `
"""Adds up prices, with a rate."""
from .money import rate

def total(prices, scale=rate): /*+*/
    """Adds up prices, with a rate."""
    base = len(prices) * 100 /*-*/
    return base * rate("of all") + 1 /*+*/

def local(rate, *others): /*-*/
    return rate * 2 + rate /*-*/
`,
    others: { 'src/shop/money.py': 'def rate(text):\n    return len(text)\n' },
    broken: 'def :\n',
    unwanted: ['tests/cart.py', 'src/test_cart.py', 'src/cart_pb2.py', 'conftest.py'],
  },
  java: {
    path: 'src/main/java/com/acme/shop/Cart.java',
    text: `
package com.acme.shop;

import com.acme.money.Price;
import static com.acme.money.Price.ROUNDING;
import java.util.List;

/** Adds up. */
public class Cart implements Runnable { /*-*/
    private final List<Price> prices = null; /*+*/

    public int total(int rate, String text) { /*-*/
        int base = prices.size() * 100; /*-*/
        int net = base * ROUNDING + rate; /*+*/
        return Price.of(base).value(); /*+*/
    }

    int local(int Price, int other) { /*-*/
        return Price * 2 + other; /*-*/
    }

    Stock stock = new Stock(1, 2); /*+*/
    List<String> names = List.of(a, b); /*-*/
}
`,
    others: {
      'src/main/java/com/acme/money/Price.java':
        'package com.acme.money;\npublic class Price { static int ROUNDING = 1; }\n',
      'src/main/java/com/acme/shop/Stock.java':
        'package com.acme.shop;\nclass Stock { Stock(int a, int b) {} }\n',
      // A type of the name, in a package that nobody imports.
      'src/main/java/com/acme/other/List.java': 'package com.acme.other;\nclass List {}\n',
    },
    broken: 'class {\n',
    unwanted: ['src/test/java/A.java', 'src/main/java/CartTest.java', 'src/generated/A.java'],
  },
  csharp: {
    path: 'Shop/Cart.cs',
    text: `
using System;
using Acme.Money;

namespace Acme.Shop
{
    #region totals
    /// <summary>Adds up.</summary>
    public class Cart : IDisposable, IBase /*+*/
    {
        private readonly Price price = new(1, 2); /*+*/
        public Price Price { get; set; } /*+*/

        [Audited]
        public int Total(int rate, string text) /*-*/
        {
            var raw = @"
              Price of all, or more";
            var label = $"{rate} of {text}"; /*-*/
            return item.Price * 2 + rate; /*-*/
        }

        [Audited(1, 2)] /*+*/
        int Local(int Stock) => Stock * 2; /*-*/
        int Other() => Stock.Count(1); /*+*/
        Unit unit = new Unit(1, 2); /*+*/
    }
    #endregion
}
`,
    others: {
      'Money/Price.cs': 'namespace Acme.Money;\npublic record Price(int A, int B);\ninterface IBase {}\n',
      'Shop/Stock.cs': 'namespace Acme.Shop { static class Stock { } class AuditedAttribute {} }\n',
      'Units/Unit.cs': 'namespace Acme.Units { class Unit { } }\n',
      // Not seen: nothing opens its namespace.
      'Other/Task.cs': 'namespace Acme.Other { class IDisposable { } }\n',
    },
    settings: {
      'Shop/Shop.csproj': '<Project><ItemGroup><Using Include="Acme.Units" /></ItemGroup></Project>',
    },
    broken: 'class {\n',
    unwanted: ['Shop.Tests/Cart.cs', 'Shop/CartTests.cs', 'Shop/Form.Designer.cs', 'Shop/obj/A.cs'],
  },
  go: {
    path: 'shop/cart.go',
    text: `
package shop

import (
	"fmt"
	cash "acme.com/shop/internal/money"
)

// Cart adds up.
type Cart struct {
	Prices []cash.Price /*+*/
}

func (c *Cart) Total(rate int) int { /*-*/
	base := len(c.Prices) * scale /*+*/
	text := \`
	cash of all, or more\`
	fmt.Println(text, base, rate) /*-*/
	return cash.Round(base) + 1 /*+*/
}

func local(scale int, cash int) int { /*-*/
	return scale * 2 + cash /*-*/
}
`,
    others: {
      'shop/scale.go': 'package shop\n\nconst scale = 100\n',
      'internal/money/price.go': 'package money\n\ntype Price int\nfunc Round(x int) int { return x }\n',
      'other/fmt/fmt.go': 'package fmt\n\nfunc Println() {}\n',
    },
    settings: { 'go.mod': 'module acme.com/shop // ours\n\ngo 1.22\n' },
    broken: 'package shop\nfunc {\n',
    unwanted: ['shop/cart_test.go', 'shop/api.pb.go', 'testdata/a.go'],
  },
  rust: {
    path: 'src/cart.rs',
    text: `
use crate::money::{self, Price, rate as scale};
use std::collections::HashMap;
mod helper;

/// Adds up.
pub struct Cart { price: Price, count: u32 } /*+*/

impl Cart {
    pub fn total(&self, text: &str) -> u32 { /*-*/
        let base = self.count * 100; /*-*/
        let map: HashMap<u32, u32> = make(base); /*-*/
        println!("{} {}", base, scale(text)); /*+*/
        base * crate::money::rate(text) + 1 /*+*/
    }
}

fn local(scale: u32, Price: u32) -> u32 { /*-*/
    scale * 2 + Price + item.rate /*-*/
}
fn other() -> u32 { helper::go(1) } /*+*/

#[cfg(test)]
mod tests {
    use super::*;
    fn adds() { assert_eq!(other(), 1 + 1); }
}
`,
    others: {
      'src/money.rs': 'pub struct Price;\npub fn rate(t: &str) -> u32 { 1 }\npub struct HashMap;\n',
      'src/cart/helper.rs': 'pub fn go(x: u32) -> u32 { x }\n',
    },
    settings: { 'Cargo.toml': '[package]\nname = "acme-shop"\n' },
    broken: 'fn {\n',
    unwanted: ['tests/cart.rs', 'src/tests.rs', 'benches/a.rs'],
  },
  cpp: {
    path: 'src/cart.cpp',
    text: `
#include "cart.h"
#include <vector>
#define SCALE(x) ((x) * 100 + 1)
using namespace std;

// Adds up.
#if defined(WITH_TAX) && WITH_RATE
static int tax = compute(1, 2); /*-*/
#endif

int Cart::total(const Price& price, int count) { /*+*/
  const char* text = R"(
    rate of all, or more)";
  int base = count * local(1); /*-*/
  return base * rate(text) + item.rate; /*+*/
}

int local(int rate) { return rate * 2; } /*-*/

class SHOP_EXPORT Shelf : public Base { /*-*/
  int next(int count) LOCKED(rate) { return count * 2 + (]; }
  int rate_of(Price one) { return one.value * 2; } /*+*/
};
`,
    others: {
      'include/shop/cart.h': '#include "shop/money.h"\nclass Cart { int total(const Price& p, int c); };\n',
      'include/shop/money.h': 'struct Price { int value; };\nint rate(const char* text);\n',
      'other/unseen.h': 'int compute(int a, int b);\n',
    },
    broken: 'int f( {\n',
    unwanted: ['test/cart.cpp', 'src/cart_test.cc', 'src/a.pb.cc', 'src/moc_a.cpp'],
  },
  php: {
    path: 'src/Shop/Cart.php',
    text: `
<p>rate, of all (and more)</p>
<?php
namespace Acme\\Shop;

use Acme\\Money\\Price;
use function Acme\\Money\\rate;
require_once __DIR__ . '/x.php';

/** Adds up. */
final class Cart extends Base implements \\Countable { /*+*/
    private Price $price = null; /*+*/

    public function total(int $rate, array $prices): int { /*-*/
        $text = <<<EOT
          rate of all, $rate and more
          EOT;
        $base = count($prices) * 100; /*-*/
        $net = $base * rate($text) + 1; /*+*/
        return $this->rate($base)->Price + Other::X; /*-*/
    }
    function stock() { return new Stock(1, 2); } /*+*/
    function full() { return \\Acme\\Money\\rate(1); } /*+*/
}
`,
    others: {
      'src/Money/money.php':
        '<?php\nnamespace Acme\\Money;\nclass Price {}\nfunction rate($t) { return 1; }\n',
      'src/Shop/Stock.php': '<?php\nnamespace Acme\\Shop;\nclass Stock {}\nabstract class Base {}\n',
      'src/Other/Other.php': '<?php\nnamespace Acme\\Other;\nclass Other {}\n',
    },
    broken: '<?php\nfunction {\n',
    unwanted: ['tests/CartTest.php', 'src/CartTest.php', 'Tests/A.php'],
  },
  ruby: {
    path: 'lib/shop/cart.rb',
    text: `
require 'json'
require_relative 'money' unless defined? Money

# Adds up.
module Shop
  class Cart < Money::Base /*+*/
    LIMIT = 10 * SCALE + 1 /*+*/

    def total(rate, prices, text: nil) /*-*/
      label = <<~EOT
        rate of all, #{rate} and more
      EOT
      base = prices.size * LIMIT /*-*/
      base * Money.rate(text) + 1 /*+*/
    end
  end
end
=begin
rate = Money.rate(text) + 1
=end
`,
    others: {
      'lib/shop/money.rb': 'module Shop\n  SCALE = 2\n  module Money\n    class Base; end\n  end\nend\n',
    },
    broken: 'class\n',
    unwanted: ['spec/cart_spec.rb', 'lib/cart_test.rb', 'db/schema.rb'],
  },
};

const MARK = / *\/\*([+-])\*\//;

async function find(language: Language, files: Readonly<Record<string, string>>, settings = {}) {
  const finder = await languageKind(language).load();
  const texts = new Map(Object.entries<string>(settings));
  return finder.find({
    root: '/repo',
    files: Object.entries(files).map(([path, text]) => ({ path, text })),
    read: (path) => texts.get(path.replace('/repo/', '')) ?? null,
  });
}

for (const language of LANGUAGES) {
  const { path, text, others, settings, broken, unwanted } = SAMPLES[language];
  const marked = text.trimStart();
  const plain = marked.replace(new RegExp(MARK, 'g'), '');

  describe(`the language ${language}`, () => {
    test('has the holes and the marks that were written down by hand', async () => {
      const { candidates, unparsed } = await find(language, { ...others, [path]: plain }, settings);
      // The sample of C++ has an error on purpose.
      assert.deepEqual(unparsed, language === 'cpp' ? [path] : []);
      const expected = marked.split('\n').flatMap((line, index) => {
        const mark = MARK.exec(line)?.[1];
        return mark === undefined ? [] : [`${index + 1} ${mark} ${line.replace(MARK, '').trim()}`];
      });
      assert.deepEqual(
        candidates
          .filter((candidate) => candidate.path === path)
          .map(({ line, text: hole, crossFile }) => `${line} ${crossFile ? '+' : '-'} ${hole}`),
        expected,
      );
    });

    test('has no marks where the other files are missing', async () => {
      const { candidates } = await find(language, { [path]: plain }, settings);
      assert.ok(candidates.length > 0);
      assert.deepEqual(
        candidates.filter(({ crossFile }) => crossFile),
        [],
      );
    });

    test('counts a file with a syntax error, gives no line of it, and gives those of the others all the same', async () => {
      const ending = path.slice(path.lastIndexOf('.'));
      const alone = await find(language, { ...others, [path]: plain }, settings);
      const { candidates, unparsed } = await find(
        language,
        { ...others, [`bad${ending}`]: broken, [path]: plain },
        settings,
      );
      assert.deepEqual(
        unparsed.filter((name) => name !== path),
        [`bad${ending}`],
      );
      assert.deepEqual(candidates, alone.candidates);
    });

    test('survives empty files and files of one word', async () => {
      const ending = path.slice(path.lastIndexOf('.'));
      const { candidates } = await find(language, { [`a${ending}`]: '', [`b${ending}`]: 'x' });
      assert.deepEqual(candidates, []);
    });

    test('tells its sources by their paths', () => {
      const { endings } = languageFacts(language);
      assert.ok(endings.some((ending) => path.endsWith(ending)));
      for (const ending of endings) assert.equal(languageOfPath(`a/B${ending.toUpperCase()}`), language);
      for (const source of [path, ...Object.keys(others)]) assert.ok(isSourcePath(source, language), source);
      for (const name of unwanted) assert.ok(!isSourcePath(name, language), name);
    });
  });
}
