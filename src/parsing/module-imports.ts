/**
 * @file What a module of JavaScript or TypeScript imports, by the names in its source: static imports, re-exports,
 * and calls of `import` and `require` with a plain string. Imported on demand.
 */

import { childAs, nodesIn, type SyntaxNode } from './syntax-tree.js';
import { loadTreeParser } from './tree-sitter.js';

/** Says what the text of a module imports, in the order of the text; null where the text is too much work. */
export type ImportReader = (path: string, text: string) => string[] | null;

/** Loads the grammars that the endings `.js` and `.ts`, with their variants, ask for. */
export async function loadImportReader(): Promise<ImportReader> {
  const javascript = await loadTreeParser('javascript');
  const typescript = await loadTreeParser('typescript');
  return (path, text) => {
    const tree = (/\.[cm]?ts$/.test(path) ? typescript : javascript).parse(text);
    return tree === null ? null : [...nodesIn(tree.root)].flatMap((node) => importedBy(node, text) ?? []);
  };
}

function importedBy(node: SyntaxNode, text: string): string | null {
  switch (node.type) {
    case 'import_statement':
    case 'export_statement':
      return stringOf(childAs(node, 'source'), text);
    case 'call_expression': {
      const called = childAs(node, 'function');
      const isImport =
        called !== null && ['import', 'require'].includes(text.slice(called.start, called.end));
      const first = childAs(node, 'arguments')?.children.find(({ isNamed }) => isNamed);
      return isImport ? stringOf(first ?? null, text) : null;
    }
    default:
      return null;
  }
}

/** What a string literal without escapes says. */
function stringOf(node: SyntaxNode | null, text: string): string | null {
  return node?.type === 'string' ? text.slice(node.start + 1, node.end - 1) : null;
}
