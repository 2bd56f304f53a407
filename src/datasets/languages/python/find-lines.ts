/**
 * @file Finds the lines of Python files that make fair completion tasks.
 *
 * `lines/line-sheet.ts` has the rules of all languages. In Python:
 *   - the file parses without a syntax error;
 *   - no comment touches the line;
 *   - the line is no part of an import, and no string that stands alone as a statement (a docstring);
 *   - the line is no part of a string that goes over several lines.
 *
 * A candidate is cross-file if one of its identifiers is bound by an import that leads to another file of the
 * same repository. Python's own scopes decide (`scopes.ts`): a parameter or a local variable that shadows an
 * import does not count, and what stands after a dot is not looked up.
 */

import type { SyntaxNode } from '../../../parsing/syntax-tree.js';
import { loadTreeParser } from '../../../parsing/tree-sitter.js';
import type { CandidateLine, LineFinder } from '../lines/language.js';
import { readTreeLines, type TreeRules } from '../lines/tree-lines.js';
import { createModules } from './modules.js';
import { createExports, createNameLookup } from './names.js';

/** Moves whenever the rules above change, because then the holes change. */
const VERSION = 1;

const RULES: TreeRules = {
  comments: new Set(['comment']),
  plumbing: new Set(['import_statement', 'import_from_statement', 'future_import_statement']),
  texts: new Set(['string']),
  codeInTexts: new Set(['interpolation']),
  identifiers: new Set(['identifier']),
  isProse: isLoneString,
};

/** Loads the parser. */
export async function loadPythonLines(): Promise<LineFinder> {
  const parser = await loadTreeParser('python');
  return {
    version: VERSION,
    find({ files }) {
      const texts = new Map(files.map(({ path, text }) => [path, text]));
      const modules = createModules(texts.keys());
      const exportsOf = createExports((path) => parser.parse(texts.get(path)!), texts, modules);
      const candidates: CandidateLine[] = [];
      const unparsed: string[] = [];
      for (const { path, text } of files) {
        const tree = parser.parse(text);
        if (tree?.isSound !== true) {
          unparsed.push(path);
          continue;
        }
        const isFromElsewhere = createNameLookup({ path, text, root: tree.root }, modules, exportsOf);
        candidates.push(...readTreeLines(tree.root, text, RULES, isFromElsewhere).candidates(path));
      }
      return { candidates, unparsed };
    },
  };
}

/** A string that is a statement of its own says something to people, not to the interpreter. */
function isLoneString({ type, children }: SyntaxNode): boolean {
  if (type !== 'expression_statement' || children.length !== 1) return false;
  return children[0]!.type === 'string' || children[0]!.type === 'concatenated_string';
}
