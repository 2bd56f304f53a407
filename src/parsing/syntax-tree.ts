/**
 * @file A syntax tree as plain data, and how to find one's way in it.
 */

/** A node of the tree of a text. */
export interface SyntaxNode {
  /** As the grammar calls it; for an anonymous node, its text. */
  readonly type: string;
  readonly isNamed: boolean;
  /** What the node is to its parent, where the grammar says. */
  readonly field: string | null;
  /** First UTF-16 unit. */
  readonly start: number;
  /** The UTF-16 unit after the last. */
  readonly end: number;
  readonly parent: SyntaxNode | null;
  readonly children: readonly SyntaxNode[];
}

export interface SyntaxTree {
  readonly root: SyntaxNode;
  /** Whether the text has no syntax error. */
  readonly isSound: boolean;
}

/** The child that is something to its parent, or null. */
export function childAs(node: SyntaxNode, field: string): SyntaxNode | null {
  return node.children.find((child) => child.field === field) ?? null;
}

/** All children that are something to their parent. */
export function childrenAs(node: SyntaxNode, field: string): SyntaxNode[] {
  return node.children.filter((child) => child.field === field);
}

/** A node and everything below it, parents before their children, in the order of the text. */
export function* nodesIn(root: SyntaxNode): Generator<SyntaxNode> {
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node;
    for (let i = node.children.length - 1; i >= 0; i--) open.push(node.children[i]!);
  }
}
