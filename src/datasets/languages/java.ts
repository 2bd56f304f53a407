/**
 * @file Java: parsed by tree-sitter. A name is from another file if that file declares it, and if Java would find
 * it there: through an import, in the same package, or as a static member of an imported type.
 */

import { childAs, childrenAs, type SyntaxNode } from '../../parsing/syntax-tree.js';
import { createNamespaceLookup, fullNameOf, namespaceOf, type NamespaceFacts } from './lines/namespaces.js';
import {
  nameChildren,
  namesInField,
  treeLanguage,
  type NameRules,
  type ParsedFile,
} from './lines/tree-language.js';

const TYPES = [
  'class_declaration',
  'interface_declaration',
  'enum_declaration',
  'record_declaration',
  'annotation_type_declaration',
];
const name = namesInField('name');

const bindings: NameRules<NamespaceFacts> = {
  scopes: new Set(['method_declaration', 'constructor_declaration', 'lambda_expression']),
  declares: {
    ...Object.fromEntries(TYPES.map((type) => [type, name])),
    method_declaration: name,
    constructor_declaration: name,
    enum_constant: name,
  },
  binds: {
    variable_declarator: name,
    formal_parameter: name,
    catch_formal_parameter: name,
    enhanced_for_statement: name,
    resource: name,
    type_pattern: nameChildren(['identifier']),
    inferred_parameters: nameChildren(['identifier']),
    lambda_expression: ({ children }) =>
      children.filter(({ field, type }) => field === 'parameters' && type === 'identifier'),
    type_parameter: nameChildren(['type_identifier']),
  },
  keyOf: (identifier, { textOf }) => (isMember(identifier) ? null : textOf(identifier)),
  readFacts,
  createLookup: createNamespaceLookup,
};

/** Whether an identifier is found by what stands before it, or is a label. */
function isMember({ parent, field, start }: SyntaxNode): boolean {
  if (parent === null) return false;
  switch (parent.type) {
    case 'field_access':
      return field === 'field';
    case 'method_invocation':
      return field === 'name' && childAs(parent, 'object') !== null;
    case 'method_reference':
    case 'scoped_identifier':
    case 'scoped_type_identifier':
      return start !== parent.start;
    case 'element_value_pair':
      return field === 'key';
    case 'labeled_statement':
    case 'break_statement':
    case 'continue_statement':
      return true;
    default:
      return false;
  }
}

function readFacts({ root, textOf }: ParsedFile): NamespaceFacts {
  const imports = new Map<string, string>();
  const opened: string[] = [];
  const declared: string[] = [];
  const packageNode = root.children.find(({ type }) => type === 'package_declaration');
  const namespace = packageNode === undefined ? '' : pathOf(packageNode, textOf);
  for (const node of root.children) {
    if (node.type === 'import_declaration') {
      const path = pathOf(node, textOf);
      if (node.children.some(({ type }) => type === 'asterisk')) opened.push(path);
      else imports.set(path.slice(namespaceOf(path).length).replace('.', ''), path);
    }
    if (!TYPES.includes(node.type)) continue;
    const typeName = childAs(node, 'name');
    if (typeName === null) continue;
    const fullName = fullNameOf(namespace, textOf(typeName));
    declared.push(fullName, ...membersOf(node, textOf).map((member) => `${fullName}.${member}`));
  }
  return { namespace, declared, imports, opened };
}

function pathOf(node: SyntaxNode, textOf: ParsedFile['textOf']): string {
  const path = node.children.find(({ type }) => type === 'scoped_identifier' || type === 'identifier');
  return path === undefined ? '' : textOf(path).replace(/\s+/g, '');
}

/** Methods, fields, constants and types directly in a type: what a static import may bring. */
function membersOf(type: SyntaxNode, textOf: ParsedFile['textOf']): string[] {
  const body = childAs(type, 'body');
  const inBody = (body?.children ?? []).flatMap((node) =>
    node.type === 'enum_body_declarations' ? node.children : [node],
  );
  return inBody
    .flatMap((member) =>
      member.type === 'field_declaration'
        ? childrenAs(member, 'declarator').map((declarator) => childAs(declarator, 'name'))
        : [childAs(member, 'name')],
    )
    .flatMap((member) => (member === null ? [] : [textOf(member)]));
}

export const java = treeLanguage({
  name: 'java',
  names: { test: /(^|\/)[^/]*(Test|Tests|TestCase|IT)\.java$/, generated: /(^|\/)generated-sources\// },
  grammar: 'java',
  version: 1,
  lines: {
    comments: new Set(['line_comment', 'block_comment']),
    plumbing: new Set(['package_declaration', 'import_declaration']),
    texts: new Set(['string_literal', 'character_literal']),
    codeInTexts: new Set(['string_interpolation']),
    identifiers: new Set(['identifier', 'type_identifier']),
  },
  bindings,
});
