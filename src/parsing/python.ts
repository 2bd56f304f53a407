/**
 * @file The parser for Python, and the one home of tree-sitter. Imported on demand: it loads 0.7 MB of
 * WebAssembly, which only CrossCodeEval's Python tasks need.
 */

import { createRequire } from 'node:module';
import { Language, Parser, type Node } from 'web-tree-sitter';
import type { PythonParser } from '../metrics/python-statement.js';

/**
 * How long the parser may go on, in its own steps: it reports progress every hundred operations.
 *
 * CrossCodeEval gives up after five seconds, so there a score depends on the machine. A number of steps
 * does not. 100,000 reports are about 16 MB of ordinary Python and take 5 to 10 seconds on a 2-core
 * x86 machine; a source file of 100 kB makes 500.
 */
const MAX_REPORTS = 100_000;

/** Loads the grammar. */
export async function loadPythonParser(maxReports = MAX_REPORTS): Promise<PythonParser> {
  await Parser.init();
  const grammar = createRequire(import.meta.url).resolve('tree-sitter-python/tree-sitter-python.wasm');
  const parser = new Parser();
  parser.setLanguage(await Language.load(grammar));
  return {
    check(code) {
      let reports = 0;
      const tree = parser.parse(code, null, { progressCallback: () => ++reports > maxReports });
      if (tree === null) {
        parser.reset();
        return 'gave-up';
      }
      try {
        return holdsErrorNode(tree.rootNode) ? 'invalid' : 'valid';
      } finally {
        tree.delete();
      }
    },
  };
}

/** Whether a node of type ERROR is in the tree. `hasError` is also true above a missing token. */
function holdsErrorNode(root: Node): boolean {
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.isError) return true;
    if (node.hasError) for (const child of node.children) open.push(child);
  }
  return false;
}
