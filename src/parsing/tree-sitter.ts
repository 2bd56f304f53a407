/**
 * @file Parsers made of tree-sitter grammars, and the one home of tree-sitter. Imported on demand: a grammar is
 * 0.2 to 5.4 MB of WebAssembly.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Language, Parser, type TreeCursor } from 'web-tree-sitter';
import type { SyntaxNode, SyntaxTree } from './syntax-tree.js';

/**
 * Grammars and their files. Python's is the package that CrossCodeEval's scores depend on; the others are those
 * that Visual Studio Code uses. The grammar of C++ also reads C.
 */
const GRAMMARS = {
  python: (require) => require.resolve('tree-sitter-python/tree-sitter-python.wasm'),
  javascript: (require) => editorGrammar(require, 'javascript'),
  typescript: (require) => editorGrammar(require, 'typescript'),
  tsx: (require) => editorGrammar(require, 'tsx'),
  java: (require) => editorGrammar(require, 'java'),
  csharp: (require) => editorGrammar(require, 'c-sharp'),
  go: (require) => editorGrammar(require, 'go'),
  rust: (require) => editorGrammar(require, 'rust'),
  cpp: (require) => editorGrammar(require, 'cpp'),
  php: (require) => editorGrammar(require, 'php'),
  ruby: (require) => editorGrammar(require, 'ruby'),
} as const satisfies Readonly<Record<string, (require: NodeJS.Require) => string>>;
export type GrammarName = keyof typeof GRAMMARS;

function editorGrammar(require: NodeJS.Require, name: string): string {
  const manifest = require.resolve('@vscode/tree-sitter-wasm/package.json');
  return join(dirname(manifest), 'wasm', `tree-sitter-${name}.wasm`);
}

/**
 * How long a parser may go on, in its own steps: it reports progress every hundred operations. A limit in
 * seconds would make a result depend on the machine.
 *
 * 100,000 reports are about 16 MB of ordinary Python and take 5 to 10 seconds on a 2-core x86 machine; a source
 * file of 100 kB makes 500.
 */
export const MAX_REPORTS = 100_000;

/**
 * Deepest tree. What walks trees calls itself for each level, or climbs from each name to the root. Code that people
 * write stays below a hundred levels; a sum or a chain of calls over a thousand lines reaches this.
 */
export const MOST_DEPTH = 1000;

/** Loads a grammar into a parser of its own. */
export async function loadGrammar(name: GrammarName): Promise<Parser> {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(GRAMMARS[name](createRequire(import.meta.url))));
  return parser;
}

/** Makes trees of texts in one language. */
export interface TreeParser {
  /** @returns null where the text is too much work, or its tree deeper than {@link MOST_DEPTH}. */
  parse(text: string): SyntaxTree | null;
}

/** Loads a parser that gives whole trees, which outlive the next parse. */
export async function loadTreeParser(name: GrammarName, maxReports = MAX_REPORTS): Promise<TreeParser> {
  const parser = await loadGrammar(name);
  return {
    parse(text) {
      let reports = 0;
      const tree = parser.parse(text, null, { progressCallback: () => ++reports > maxReports });
      if (tree === null) {
        parser.reset();
        return null;
      }
      const cursor = tree.walk();
      try {
        const root = copyTree(cursor);
        return root === null ? null : { root, isSound: !tree.rootNode.hasError };
      } finally {
        cursor.delete();
        tree.delete();
      }
    },
  };
}

type Growing = { -readonly [K in keyof SyntaxNode]: SyntaxNode[K] } & { children: Growing[] };

/** Copies the tree below a cursor out of the parser's memory, without recursion; null if it is too deep. */
function copyTree(cursor: TreeCursor): SyntaxNode | null {
  const root = copyNode(cursor, null);
  let parent = root;
  let depth = 1;
  if (!cursor.gotoFirstChild()) return root;
  for (;;) {
    const node = copyNode(cursor, parent);
    parent.children.push(node);
    if (cursor.gotoFirstChild()) {
      if (++depth > MOST_DEPTH) return null;
      parent = node;
      continue;
    }
    while (!cursor.gotoNextSibling()) {
      if (!cursor.gotoParent() || parent === root) return root;
      parent = parent.parent as Growing;
      depth--;
    }
  }
}

function copyNode(cursor: TreeCursor, parent: Growing | null): Growing {
  return {
    type: cursor.nodeType,
    isNamed: cursor.nodeIsNamed,
    field: cursor.currentFieldName,
    start: cursor.startIndex,
    end: cursor.endIndex,
    parent,
    children: [],
  };
}
