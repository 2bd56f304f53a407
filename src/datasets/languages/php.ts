/**
 * @file PHP: parsed by tree-sitter. A name is from another file if that file declares the class, function or
 * constant, and if PHP would find it there: through `use`, in the same namespace, or by its full name.
 */

import { childAs, nodesIn, type SyntaxNode } from '../../parsing/syntax-tree.js';
import { createNamespaceLookup, fullNameOf, type NamespaceFacts } from './lines/namespaces.js';
import { treeLanguage, type NameRules, type NamesOf, type ParsedFile } from './lines/tree-language.js';

const DECLARATIONS = [
  'class_declaration',
  'interface_declaration',
  'trait_declaration',
  'enum_declaration',
  'function_definition',
];
const name: NamesOf = ({ children }) =>
  children.filter(({ field, type }) => field === 'name' && type === 'name');

const bindings: NameRules<NamespaceFacts> = {
  // Variables begin with "$" and are not looked up, so nothing can shadow a class or a function.
  scopes: new Set(),
  declares: Object.fromEntries(DECLARATIONS.map((type) => [type, name])),
  binds: {},
  keyOf,
  readFacts,
  createLookup(facts) {
    const lookup = createNamespaceLookup(facts);
    return (path) => {
      const find = lookup(path);
      return (key) => (key.startsWith(ABSOLUTE) ? isDeclaredElsewhere(facts, path, key.slice(1)) : find(key));
    };
  },
};

/** Begins the key of a name that is written in full. */
const ABSOLUTE = '.';

function isDeclaredElsewhere(
  facts: ReadonlyMap<string, NamespaceFacts>,
  path: string,
  fullName: string,
): boolean {
  return [...facts].some(([file, { declared }]) => file !== path && declared.includes(fullName));
}

function keyOf(identifier: SyntaxNode, { textOf }: ParsedFile): string | null {
  const { type, parent, field } = identifier;
  if (type !== 'name' || parent === null) return null;
  switch (parent.type) {
    case 'qualified_name':
      return textOf(parent).replaceAll('\\', '.');
    case 'namespace_name':
    case 'const_element':
    case 'method_declaration':
    case 'enum_case':
      return null;
    case 'argument':
      return field === 'name' ? null : textOf(identifier);
    case 'member_access_expression':
    case 'nullsafe_member_access_expression':
    case 'member_call_expression':
    case 'nullsafe_member_call_expression':
    case 'scoped_call_expression':
      return field === 'name' ? null : textOf(identifier);
    case 'class_constant_access_expression':
      return parent.children[0] === identifier ? textOf(identifier) : null;
    default:
      return textOf(identifier);
  }
}

function readFacts({ root, textOf }: ParsedFile): NamespaceFacts {
  const imports = new Map<string, string>();
  const declared: string[] = [];
  let namespace = '';
  for (const node of nodesIn(root)) {
    const named = childAs(node, 'name');
    if (node.type === 'namespace_definition') {
      namespace = named === null ? '' : plain(textOf(named));
    } else if (node.type === 'namespace_use_clause') {
      const path = node.children.find(({ type }) => type === 'qualified_name' || type === 'name');
      if (path === undefined) continue;
      const group = groupPrefix(node, textOf);
      const full = fullNameOf(group, plain(textOf(path)));
      const alias = childAs(node, 'alias');
      imports.set(alias === null ? full.slice(full.lastIndexOf('.') + 1) : textOf(alias), full);
    } else if (DECLARATIONS.includes(node.type) && named !== null) {
      declared.push(fullNameOf(namespace, textOf(named)));
    } else if (node.type === 'const_element' && node.parent?.parent?.type === 'program') {
      const constant = node.children.find(({ type }) => type === 'name');
      if (constant !== undefined) declared.push(fullNameOf(namespace, textOf(constant)));
    }
  }
  return { namespace, declared, imports, opened: [] };
}

/** The path before the braces of `use Acme\{Price, Rate};`. */
function groupPrefix(clause: SyntaxNode, textOf: ParsedFile['textOf']): string {
  if (clause.parent?.type !== 'namespace_use_group') return '';
  const prefix = clause.parent.parent?.children.find(({ type }) => type === 'namespace_name');
  return prefix === undefined ? '' : plain(textOf(prefix));
}

function plain(path: string): string {
  return path.replaceAll('\\', '.').replace(/^\./, '');
}

export const php = treeLanguage({
  name: 'php',
  names: { test: /(^|\/)[Tt]ests?\/|Test\.php$/, generated: /\.blade\.php$|(^|\/)(cache|storage)\// },
  grammar: 'php',
  version: 1,
  lines: {
    comments: new Set(['comment']),
    plumbing: new Set(['namespace_use_declaration', 'declare_statement', 'text', 'text_interpolation']),
    texts: new Set(['string', 'encapsed_string', 'heredoc', 'nowdoc', 'shell_command_expression']),
    codeInTexts: new Set(['variable_name', 'member_access_expression', 'subscript_expression']),
    identifiers: new Set(['name', 'variable_name']),
    isProse: ({ type, field, parent, children }) =>
      (field === 'name' && parent?.type === 'namespace_definition') ||
      (type === 'expression_statement' &&
        /^(require|include)(_once)?_expression$/.test(children[0]?.type ?? '')),
  },
  bindings,
});
