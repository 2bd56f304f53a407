/**
 * @file Tells CrossCodeEval's metric whether a Python file parses. Imported on demand: it loads 0.7 MB of
 * WebAssembly.
 *
 * CrossCodeEval gives up after five seconds, so there a score depends on the machine. A number of steps does not.
 */

import type { Node } from 'web-tree-sitter';
import type { PythonParser } from '../metrics/python-statement.js';
import { loadGrammar, MAX_REPORTS } from './tree-sitter.js';

/** Loads the grammar. */
export async function loadPythonParser(maxReports = MAX_REPORTS): Promise<PythonParser> {
  const parser = await loadGrammar('python');
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
