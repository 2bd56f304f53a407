/**
 * @file Which lines of a file qualify, read from a tree-sitter tree.
 */

import type { SyntaxNode } from '../../../parsing/syntax-tree.js';
import { LineSheet } from './line-sheet.js';

/** What the node types of a grammar mean to lines. */
export interface TreeRules {
  readonly comments: ReadonlySet<string>;
  /** Imports and what else follows from the rest of the file: no line of them is a candidate. */
  readonly plumbing: ReadonlySet<string>;
  /** Strings and the like. Each is one token, and one over several lines excludes them. */
  readonly texts: ReadonlySet<string>;
  /** Code inside such a text, as in an interpolated string. */
  readonly codeInTexts: ReadonlySet<string>;
  /** Names. Each is one token, whatever it is made of. */
  readonly identifiers: ReadonlySet<string>;
  /** Further nodes whose lines are no code, such as a string that documents a function. */
  readonly isProse?: (node: SyntaxNode, textOf: (node: SyntaxNode) => string) => boolean;
}

/**
 * Writes down what a tree says about each line.
 *
 * @param isFromElsewhere Whether a name is declared in another file. Asked once an identifier that counts.
 */
export function readTreeLines(
  root: SyntaxNode,
  text: string,
  rules: TreeRules,
  isFromElsewhere: (identifier: SyntaxNode) => boolean,
): LineSheet {
  const sheet = new LineSheet(text);
  const textOf = ({ start, end }: SyntaxNode): string => text.slice(start, end);
  const open: SyntaxNode[] = [root];
  const openAll = (nodes: readonly SyntaxNode[]): void => {
    for (let i = nodes.length - 1; i >= 0; i--) open.push(nodes[i]!);
  };
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { type, start, end, children } = node;
    if (type === 'ERROR' || (start === end && children.length === 0)) {
      // What the parser skipped, or made up where something is missing.
      sheet.exclude(start, end);
    } else if (
      rules.comments.has(type) ||
      rules.plumbing.has(type) ||
      rules.isProse?.(node, textOf) === true
    ) {
      sheet.exclude(start, end);
    } else if (rules.texts.has(type)) {
      if (sheet.isMultiLine(start, end)) sheet.exclude(start, end);
      sheet.addToken(start, false);
      openAll(codeIn(node, rules));
    } else if (rules.identifiers.has(type)) {
      sheet.addToken(start, true);
      if (isFromElsewhere(node)) sheet.markCrossFile(start);
    } else if (children.length > 0) {
      openAll(children);
    } else if (text.slice(start, end).trim() !== '') {
      sheet.addToken(start, false);
    }
  }
  return sheet;
}

/** The outermost pieces of code inside a text. */
function codeIn(node: SyntaxNode, rules: TreeRules): SyntaxNode[] {
  return node.children.flatMap((child) =>
    rules.codeInTexts.has(child.type) ? [child] : codeIn(child, rules),
  );
}
