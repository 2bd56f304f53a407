/**
 * @file Makes a language of a tree-sitter grammar: what its nodes mean to lines, how names are bound, and which
 * file a name leads to.
 *
 * Files are read one by one. Of each, its lines, the names that it uses and what other files need to know of it
 * are kept, and its tree is dropped. Once all are read, the names are looked up.
 *
 * Shadowing is judged by functions: a name that a function binds anywhere is its own everywhere in it.
 */

import type { Language } from '../../../domain/languages.js';
import { nodesIn, type SyntaxNode } from '../../../parsing/syntax-tree.js';
import type { GrammarName, TreeParser } from '../../../parsing/tree-sitter.js';
import type { CandidateLine, FoundLines, LanguageKind, NamePatterns, Project } from './language.js';
import type { LineSheet } from './line-sheet.js';
import { readTreeLines, type TreeRules } from './tree-lines.js';

/** A file with its tree. */
export interface ParsedFile {
  readonly path: string;
  readonly root: SyntaxNode;
  /** The text of a node. */
  readonly textOf: (node: SyntaxNode) => string;
}

/** The nodes that are the names that a node binds. */
export type NamesOf = (node: SyntaxNode) => readonly SyntaxNode[];

/** How names are bound and found. `Facts` is what other files need to know of a file. */
export interface NameRules<Facts> {
  /** Nodes with local names of their own: functions, methods, closures. */
  readonly scopes: ReadonlySet<string>;
  /** By node type: names that a declaration binds in the scope around it, such as those of classes. */
  readonly declares: Readonly<Record<string, NamesOf>>;
  /** By node type: names that a node binds where it stands, such as variables and parameters. */
  readonly binds: Readonly<Record<string, NamesOf>>;
  /**
   * What an identifier is looked up by; null if it is not looked up, as after a dot. A key that is not the
   * identifier's own text is looked up whatever the file binds.
   */
  keyOf(identifier: SyntaxNode, file: ParsedFile): string | null;
  /** @param own The names that the file binds outside of functions. */
  readFacts(file: ParsedFile, own: ReadonlySet<string>): Facts;
  /** Makes the question whether a key leads from a file to another one. */
  createLookup(
    facts: ReadonlyMap<string, Facts>,
    project: Project,
  ): (path: string) => (key: string) => boolean;
}

/** A language with a grammar. */
export interface TreeLanguage<Facts> {
  readonly name: Language;
  readonly names: NamePatterns;
  readonly grammar: GrammarName;
  /** Moves whenever the rules change, because then the holes change. */
  readonly version: number;
  readonly lines: TreeRules;
  readonly bindings: NameRules<Facts>;
  /**
   * Makes a text fit the grammar without moving anything in it: for languages whose files are not parsed as they
   * stand, but after a preprocessor. In such a language a file may have errors, and only their lines are no holes.
   */
  readonly preprocess?: (text: string) => string;
}

/** Makes the language. */
export function treeLanguage<Facts>(language: TreeLanguage<Facts>): LanguageKind {
  const { name, names, grammar, version } = language;
  return {
    name,
    names,
    async load() {
      const { loadTreeParser } = await import('../../../parsing/tree-sitter.js');
      const parser = await loadTreeParser(grammar);
      return { version, find: (project) => findLines(language, parser, project) };
    },
  };
}

interface Use {
  readonly key: string;
  readonly start: number;
}

interface ReadFile {
  readonly path: string;
  readonly sheet: LineSheet;
  readonly uses: readonly Use[];
}

function findLines<Facts>(
  { lines, bindings, preprocess }: TreeLanguage<Facts>,
  parser: TreeParser,
  project: Project,
): FoundLines {
  const facts = new Map<string, Facts>();
  const read: ReadFile[] = [];
  const unparsed: string[] = [];
  for (const { path, text } of project.files) {
    const tree = parser.parse(preprocess === undefined ? text : preprocess(text));
    if (tree === null) {
      unparsed.push(path);
      continue;
    }
    const file: ParsedFile = { path, root: tree.root, textOf: ({ start, end }) => text.slice(start, end) };
    const bound = readBindings(file, bindings);
    // A file with an error in it may still declare what others use.
    facts.set(path, bindings.readFacts(file, bound.names.get(tree.root) ?? new Set()));
    if (tree.isSound || preprocess !== undefined) read.push(readFile(file, text, lines, bindings, bound));
    if (!tree.isSound) unparsed.push(path);
  }
  const lookup = bindings.createLookup(facts, project);
  const candidates = read.flatMap(({ path, sheet, uses }): CandidateLine[] => {
    const leadsElsewhere = lookup(path);
    for (const { key, start } of uses) if (leadsElsewhere(key)) sheet.markCrossFile(start);
    return sheet.candidates(path);
  });
  return { candidates, unparsed };
}

function readFile<Facts>(
  file: ParsedFile,
  text: string,
  lines: TreeRules,
  bindings: NameRules<Facts>,
  bound: Bound,
): ReadFile {
  const uses: Use[] = [];
  const sheet = readTreeLines(file.root, text, lines, (identifier) => {
    if (bound.nodes.has(identifier)) return false;
    const key = bindings.keyOf(identifier, file);
    if (key === null) return false;
    const name = file.textOf(identifier);
    if (key !== name || !isBoundAt(identifier, name, bound)) uses.push({ key, start: identifier.start });
    return false;
  });
  return { path: file.path, sheet, uses };
}

interface Bound {
  /** The names that each scope binds; the root of the tree is the scope of the file. */
  readonly names: ReadonlyMap<SyntaxNode, ReadonlySet<string>>;
  /** The nodes that bind. They are no uses. */
  readonly nodes: ReadonlySet<SyntaxNode>;
}

function readBindings<Facts>(file: ParsedFile, { scopes, declares, binds }: NameRules<Facts>): Bound {
  const names = new Map<SyntaxNode, Set<string>>();
  const nodes = new Set<SyntaxNode>();
  const scopeOf = (node: SyntaxNode): SyntaxNode => {
    let scope = node;
    while (scope.parent !== null && !scopes.has(scope.type)) scope = scope.parent;
    return scope;
  };
  const bind = (scope: SyntaxNode, found: readonly SyntaxNode[]): void => {
    if (found.length === 0) return;
    const known = names.get(scope) ?? new Set();
    names.set(scope, known);
    for (const node of found) {
      known.add(file.textOf(node));
      nodes.add(node);
    }
  };
  for (const node of nodesIn(file.root)) {
    const declared = declares[node.type];
    if (declared !== undefined) bind(scopeOf(node.parent ?? node), declared(node));
    const inside = binds[node.type];
    if (inside !== undefined) bind(scopeOf(node), inside(node));
  }
  return { names, nodes };
}

function isBoundAt(identifier: SyntaxNode, name: string, { names }: Bound): boolean {
  for (let node: SyntaxNode | null = identifier; node !== null; node = node.parent) {
    if (names.get(node)?.has(name) === true) return true;
  }
  return false;
}

/** The names in one of a node's fields, which need not be leaves of it. */
export function namesInField(field: string, types: readonly string[] = ['identifier']): NamesOf {
  return ({ children }) =>
    children.flatMap((child) => (child.field === field ? namesBelow(child, types) : []));
}

/** The children of a node that are names themselves. */
export function nameChildren(types: readonly string[]): NamesOf {
  return ({ children }) => children.filter(({ type }) => types.includes(type));
}

/** All names in a pattern. Paths in it, such as `Kind::A`, name what is there already. */
export function namesBelow(node: SyntaxNode, types: readonly string[]): SyntaxNode[] {
  if (types.includes(node.type)) return [node];
  if (/^scoped_|^qualified_|^selector_|^index_|^field_expression$/.test(node.type)) return [];
  return node.children.flatMap((child) => namesBelow(child, types));
}
