/**
 * @file Ruby: parsed by tree-sitter. A constant (a class, a module, a value) is from another file if another file
 * declares it and the own one does not. Ruby loads files by many conventions, so `require` is not followed.
 */

import { childAs, type SyntaxNode } from '../../parsing/syntax-tree.js';
import { treeLanguage, type NameRules, type NamesOf } from './lines/tree-language.js';

/** The constant that a class, a module or an assignment declares: the last of a path. */
const constant =
  (field: string): NamesOf =>
  ({ children }) =>
    children.flatMap((child) => (child.field === field ? lastConstant(child) : []));

function lastConstant(node: SyntaxNode): SyntaxNode[] {
  if (node.type === 'constant') return [node];
  const last = node.type === 'scope_resolution' ? childAs(node, 'name') : null;
  return last === null ? [] : [last];
}

const bindings: NameRules<ReadonlySet<string>> = {
  // Constants are not local to methods.
  scopes: new Set(),
  declares: { class: constant('name'), module: constant('name'), assignment: constant('left') },
  binds: {},
  keyOf: (identifier, { textOf }) => (identifier.type === 'constant' ? textOf(identifier) : null),
  readFacts: (_, own) => own,
  createLookup(facts) {
    const files = new Map<string, number>();
    for (const declared of facts.values()) {
      for (const one of declared) files.set(one, (files.get(one) ?? 0) + 1);
    }
    // A name that the file declares itself never comes here.
    return () => (key) => files.has(key);
  },
};

const LOADING = /^(require|require_relative|load|autoload)$/;

/** Whether a node loads another file. */
function loadsFile(node: SyntaxNode, textOf: (node: SyntaxNode) => string): boolean {
  const method = node.type === 'call' && childAs(node, 'receiver') === null ? childAs(node, 'method') : null;
  return method !== null && LOADING.test(textOf(method));
}

export const ruby = treeLanguage({
  name: 'ruby',
  names: { test: /_(spec|test)\.rb$/, generated: /(^|\/)db\/schema\.rb$/ },
  grammar: 'ruby',
  version: 1,
  lines: {
    comments: new Set(['comment']),
    plumbing: new Set(['uninterpreted']),
    texts: new Set([
      'string',
      'heredoc_body',
      'regex',
      'subshell',
      'string_array',
      'symbol_array',
      'delimited_symbol',
    ]),
    codeInTexts: new Set(['interpolation']),
    identifiers: new Set([
      'identifier',
      'constant',
      'instance_variable',
      'class_variable',
      'global_variable',
    ]),
    isProse: loadsFile,
  },
  bindings,
});
