/**
 * @file Source files and settings of repositories in every language with a grammar: which lines may become holes.
 */

import { readFileSync } from 'node:fs';
import { languageKind } from '../../../src/datasets/languages/all.js';
import type { LineFinder } from '../../../src/datasets/languages/lines/language.js';
import type { Language } from '../../../src/domain/languages.js';
import type { FuzzTarget } from '../target.js';
import { bendText } from './texts.js';

interface Sample {
  readonly language: Language;
  readonly file: string;
  readonly text: string;
  /** A file that names modules of the repository, and what it says. */
  readonly settings?: readonly [path: string, text: string];
}

const SAMPLES: readonly Sample[] = [
  {
    language: 'javascript',
    file: 'cart.js',
    text: "const { rate } = require('./other');\nfunction total(prices) {\n  return prices.map((p) => p * rate(1))[0] + `${rate(2)}`;\n}\n",
  },
  {
    language: 'python',
    file: 'cart.py',
    text: 'from other import rate as r\nfrom . import *\n\nclass Cart(Base):\n    def total(self, *prices, tax=0):\n        """Adds up."""\n        return sum(p * r(p) for p in prices) + (lambda x: x + tax)(1)\n',
  },
  {
    language: 'java',
    file: 'Cart.java',
    text: 'package shop;\nimport shop.money.Rate;\nimport static shop.money.Rates.*;\nclass Cart<T extends Rate> {\n  int total(int[] prices) { return prices.length * Rate.of(1).apply(x -> x + 1); }\n}\n',
  },
  {
    language: 'csharp',
    file: 'Cart.cs',
    text: 'using Shop.Money;\nnamespace Shop;\n[Audited]\npublic class Cart {\n  int Total(int[] prices) => prices is { Length: > 0 } ? Rate.Of($"{prices[0]}") : 0;\n}\n',
    settings: [
      '/r/Directory.Build.props',
      '<Project><ItemGroup><Using Include="Shop.Money" /></ItemGroup></Project>\n',
    ],
  },
  {
    language: 'go',
    file: 'cart.go',
    text: 'package shop\nimport m "example.com/shop/money"\nfunc Total(prices []int) (sum int) {\n\tfor _, p := range prices { sum += m.Rate(p) }\n\treturn sum\n}\n',
    settings: ['/r/go.mod', '// a shop\nmodule example.com/shop\n\ngo 1.22\n'],
  },
  {
    language: 'rust',
    file: 'cart.rs',
    text: 'use crate::money::{rate, Price as P};\nuse super::*;\nmod money;\npub fn total(prices: &[P]) -> u32 {\n    prices.iter().map(|p| rate(*p) as u32).sum::<u32>() + vec![1][0]\n}\n',
    settings: ['/r/Cargo.toml', '[package]\nversion = "1"\nname = "the-shop"\n\n[lib]\nname = "shop"\n'],
  },
  {
    language: 'cpp',
    file: 'cart.cpp',
    text: '#include "money.h"\n#define TWICE(x) ((x) * 2)\nnamespace shop {\ntemplate <class T> class API_EXPORT Cart final : Base {\n  int total(const T *prices[2]) { return TWICE(rate((*prices)[0])); }\n};\n}\n',
  },
  {
    language: 'php',
    file: 'cart.php',
    text: '<?php\nnamespace Shop;\nuse Shop\\Money\\{Rate, function tax};\nclass Cart { function total(array $prices) { return array_sum($prices) * Rate::of("{$prices[0]}") + tax(1); } }\n',
  },
  {
    language: 'ruby',
    file: 'cart.rb',
    text: 'require_relative \'money\'\nmodule Shop\n  class Cart < Base::Thing\n    def total(prices) = prices.map { |p| Rate.of(p) }.sum + "#{prices[0]}".to_i\n  end\nend\n',
  },
];

/** Loaded once a process: the memory of a parser is not given back. */
const finders = new Map<Language, Promise<LineFinder>>();

function finderOf(language: Language): Promise<LineFinder> {
  const known = finders.get(language) ?? languageKind(language).load();
  finders.set(language, known);
  return known;
}

async function findWith(
  { language, file, text, settings }: Sample,
  bent: { readonly source?: string; readonly setting?: string },
): Promise<void> {
  const setting = settings === undefined ? null : ([settings[0], bent.setting ?? settings[1]] as const);
  const finder = await finderOf(language);
  finder.find({
    root: '/r',
    files: [
      { path: `src/${file}`, text: bent.source ?? text },
      { path: `src/other/${file}`, text },
    ],
    read: (path) => (path === setting?.[0] ? setting[1] : null),
  });
}

export const LANGUAGE_TARGETS: readonly FuzzTarget[] = SAMPLES.flatMap((sample): FuzzTarget[] => {
  const { language, file, text, settings } = sample;
  const ofSource: FuzzTarget = {
    name: `source-${language}`,
    file,
    seeds: () => [Buffer.from(text)],
    mutate: bendText,
    read: (path) => findWith(sample, { source: readFileSync(path, 'utf8') }),
  };
  if (settings === undefined) return [ofSource];
  const [place, content] = settings;
  const ofSettings: FuzzTarget = {
    name: `settings-${language}`,
    file: place.slice(place.lastIndexOf('/') + 1),
    seeds: () => [Buffer.from(content)],
    mutate: bendText,
    read: (path) => findWith(sample, { setting: readFileSync(path, 'utf8') }),
  };
  return [ofSource, ofSettings];
});
