/**
 * @file C#: parsed by tree-sitter. A name is from another file if that file declares a type of the name in a
 * namespace that is seen: the file's own, one above it, or one of a `using` directive.
 *
 * Members are not looked up, and so extension methods and `using static` are not.
 */

import { posix } from 'node:path';
import { childAs, nodesIn, type SyntaxNode } from '../../parsing/syntax-tree.js';
import type { Project } from './lines/language.js';
import { createNamespaceLookup, fullNameOf, namespaceOf, type NamespaceFacts } from './lines/namespaces.js';
import { namesInField, treeLanguage, type NameRules, type ParsedFile } from './lines/tree-language.js';

const TYPES = [
  'class_declaration',
  'interface_declaration',
  'struct_declaration',
  'enum_declaration',
  'record_declaration',
  'delegate_declaration',
];
const NAMESPACES = ['namespace_declaration', 'file_scoped_namespace_declaration'];
const name = namesInField('name');

const bindings: NameRules<NamespaceFacts> = {
  scopes: new Set([
    'method_declaration',
    'constructor_declaration',
    'local_function_statement',
    'lambda_expression',
    'anonymous_method_expression',
    'accessor_declaration',
  ]),
  // Properties and methods are left out: `Price Price { get; }` is common, and both meanings lead to the type.
  declares: { ...Object.fromEntries(TYPES.map((type) => [type, name])), local_function_statement: name },
  binds: {
    variable_declarator: name,
    parameter: name,
    foreach_statement: namesInField('left'),
    declaration_expression: name,
    declaration_pattern: name,
    recursive_pattern: name,
    var_pattern: name,
    catch_declaration: name,
    type_parameter: namesInField('name'),
    lambda_expression: ({ children }) =>
      children.filter(({ field, type }) => field === 'parameters' && type === 'implicit_parameter'),
  },
  keyOf(identifier, { textOf }) {
    if (isMember(identifier)) return null;
    return identifier.parent?.type === 'attribute' ? `${textOf(identifier)}${ATTRIBUTE}` : textOf(identifier);
  },
  readFacts,
  createLookup(facts, project) {
    const usingsOf = createProjectUsings(project);
    const lookup = createNamespaceLookup(
      new Map(
        [...facts].map(([path, own]) => [path, { ...own, opened: [...own.opened, ...usingsOf(path)] }]),
      ),
    );
    return (path) => {
      const find = lookup(path);
      return (key) => {
        if (!key.endsWith(ATTRIBUTE)) return find(key);
        const written = key.slice(0, -ATTRIBUTE.length);
        return find(written) || find(`${written}Attribute`);
      };
    };
  },
};

/**
 * The namespaces that project files open for the files below them: `<Using Include="..." />` in
 * `Directory.Build.props` and in the project that is called after its folder.
 */
function createProjectUsings({ root, read }: Project): (path: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  const ofFolder = (folder: string): readonly string[] => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const here = posix.join(root, folder);
    const texts = [`${posix.basename(here)}.csproj`, 'Directory.Build.props', 'Directory.Build.targets'].map(
      (name) => read(posix.join(here, name)) ?? '',
    );
    const own = texts.flatMap((text) =>
      [...text.matchAll(/<Using\s+Include="([\w.]+)"\s*\/?>/g)].map((found) => found[1]!),
    );
    const usings = folder === '.' ? own : [...own, ...ofFolder(posix.dirname(folder))];
    known.set(folder, usings);
    return usings;
  };
  return (path) => ofFolder(posix.dirname(path));
}

/** Ends the key of a name that may lack its ending: `[Audited]` means the type `AuditedAttribute` too. */
const ATTRIBUTE = '@';

/** Whether an identifier is found by what stands before it, or names a parameter or a property. */
function isMember({ parent, field, start }: SyntaxNode): boolean {
  if (parent === null) return false;
  switch (parent.type) {
    case 'member_access_expression':
    case 'member_binding_expression':
    case 'property_declaration':
    case 'method_declaration':
    case 'enum_member_declaration':
    case 'event_declaration':
      return field === 'name';
    case 'qualified_name':
      return start !== parent.start;
    case 'argument':
    case 'attribute_argument':
      return field === 'name';
    case 'name_colon':
    case 'name_equals':
    case 'labeled_statement':
    case 'goto_statement':
      return true;
    case 'subpattern':
      return start === parent.start && parent.children.length > 1;
    case 'assignment_expression':
      return (
        field === 'left' && /^(initializer_expression|attribute_argument)$/.test(parent.parent?.type ?? '')
      );
    case 'generic_name':
      return isMember(parent);
    default:
      return false;
  }
}

function readFacts({ root, textOf }: ParsedFile): NamespaceFacts {
  const imports = new Map<string, string>();
  const opened: string[] = [];
  const openedForAll: string[] = [];
  const declared: string[] = [];
  for (const node of nodesIn(root)) {
    if (NAMESPACES.includes(node.type)) {
      // A namespace sees the names of those around it.
      for (let around = namespaceAt(node, root, textOf); around !== ''; around = namespaceOf(around)) {
        opened.push(around);
      }
    } else if (node.type === 'using_directive') {
      const path = node.children.findLast(({ type }) => type === 'qualified_name' || type === 'identifier');
      const alias = childAs(node, 'name');
      if (path === undefined || node.children.some(({ type }) => type === 'static')) continue;
      if (alias !== null) imports.set(textOf(alias), plain(textOf(path)));
      else if (node.children.some(({ type }) => type === 'global')) openedForAll.push(plain(textOf(path)));
      else opened.push(plain(textOf(path)));
    } else if (TYPES.includes(node.type) && !isNested(node)) {
      const typeName = childAs(node, 'name');
      if (typeName !== null) declared.push(fullNameOf(namespaceAt(node, root, textOf), textOf(typeName)));
    }
  }
  return { namespace: '', declared, imports, opened, openedForAll };
}

/** The full namespace that a node lies in, or that it is. */
function namespaceAt(node: SyntaxNode, root: SyntaxNode, textOf: ParsedFile['textOf']): string {
  const holders = root.children.filter(({ type }) => type === 'file_scoped_namespace_declaration');
  const inner: SyntaxNode[] = [];
  for (let around: SyntaxNode | null = node; around !== null; around = around.parent) {
    if (around.type === 'namespace_declaration') inner.unshift(around);
  }
  return [...holders, ...inner]
    .flatMap((holder) => childAs(holder, 'name') ?? [])
    .map((path) => plain(textOf(path)))
    .join('.');
}

function isNested(node: SyntaxNode): boolean {
  for (let around = node.parent; around !== null; around = around.parent) {
    if (TYPES.includes(around.type)) return true;
  }
  return false;
}

function plain(path: string): string {
  return path.replace(/\s+/g, '').replace(/^global::/, '');
}

export const csharp = treeLanguage({
  name: 'csharp',
  names: {
    test: /(^|\/)[^/]*\.?(Unit|Integration)?Tests?\/|(^|\/)[^/]*Tests?\.cs$/,
    generated: /\.(g|g\.i|designer|generated|AssemblyInfo|AssemblyAttributes)\.cs$|(^|\/)(obj|Migrations)\//i,
  },
  grammar: 'csharp',
  version: 1,
  lines: {
    comments: new Set(['comment']),
    plumbing: new Set([
      'using_directive',
      'extern_alias_directive',
      'file_scoped_namespace_declaration',
      'preproc_region',
      'preproc_endregion',
      'preproc_pragma',
      'preproc_nullable',
      'preproc_warning',
      'preproc_error',
    ]),
    texts: new Set([
      'string_literal',
      'verbatim_string_literal',
      'raw_string_literal',
      'interpolated_string_expression',
      'character_literal',
    ]),
    codeInTexts: new Set(['interpolation']),
    identifiers: new Set(['identifier', 'implicit_parameter']),
    isProse: ({ field, parent }) => field === 'name' && parent?.type === 'namespace_declaration',
  },
  bindings,
});
