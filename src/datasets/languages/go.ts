/**
 * @file Go: parsed by tree-sitter. A name is from another file if another file of the same package declares it, or
 * if it is a package of the repository that the file imports.
 */

import { posix } from 'node:path';
import { childAs, childrenAs, nodesIn, type SyntaxNode } from '../../parsing/syntax-tree.js';
import type { Project } from './lines/language.js';
import { namesInField, treeLanguage, type NameRules, type ParsedFile } from './lines/tree-language.js';

interface GoFacts {
  readonly packageName: string;
  /** Names outside of functions. */
  readonly declared: ReadonlySet<string>;
  readonly imports: readonly GoImport[];
}

interface GoImport {
  readonly path: string;
  /** The name that the file gives to the package: null for the package's own, "." for all its names. */
  readonly alias: string | null;
}

const TYPE = ['type_identifier'];
const name = namesInField('name');

const bindings: NameRules<GoFacts> = {
  scopes: new Set(['function_declaration', 'method_declaration', 'func_literal']),
  declares: {
    function_declaration: name,
    type_spec: namesInField('name', TYPE),
    type_alias: namesInField('name', TYPE),
  },
  binds: {
    const_spec: name,
    var_spec: name,
    parameter_declaration: name,
    variadic_parameter_declaration: name,
    type_parameter_declaration: name,
    short_var_declaration: namesInField('left'),
    range_clause: namesInField('left'),
    receive_statement: namesInField('left'),
    type_switch_statement: namesInField('alias'),
  },
  keyOf: (identifier, { textOf }) => (isMember(identifier) ? null : textOf(identifier)),
  readFacts,
  createLookup,
};

/** Whether an identifier is found by what stands before it, or is a field or a label. */
function isMember({ type, parent, field }: SyntaxNode): boolean {
  if (type === 'field_identifier') return true;
  if (parent?.type === 'qualified_type') return field === 'name';
  if (/^(labeled|break|continue|goto)_statement$/.test(parent?.type ?? '')) return true;
  // `Price: 1` in a literal of a struct names a field; in one of a map a constant, which is rare.
  return parent?.type === 'literal_element' && parent.field === 'key';
}

function readFacts({ root, textOf }: ParsedFile, own: ReadonlySet<string>): GoFacts {
  const clause = root.children.find(({ type }) => type === 'package_clause');
  const packageNode = clause?.children.find(({ type }) => type === 'package_identifier');
  const imports: GoImport[] = [];
  for (const declaration of root.children) {
    if (declaration.type !== 'import_declaration') continue;
    for (const node of nodesIn(declaration)) {
      const path = node.type === 'import_spec' ? childAs(node, 'path') : null;
      if (path === null) continue;
      const alias = childrenAs(node, 'name')[0];
      imports.push({
        path: textOf(path).replace(/^["`]|["`]$/g, ''),
        alias: alias === undefined ? null : textOf(alias),
      });
    }
  }
  return { packageName: packageNode === undefined ? '' : textOf(packageNode), declared: own, imports };
}

function createLookup(
  facts: ReadonlyMap<string, GoFacts>,
  project: Project,
): (path: string) => (key: string) => boolean {
  const filesIn = new Map<string, string[]>();
  for (const path of facts.keys()) {
    const folder = posix.dirname(path);
    filesIn.set(folder, [...(filesIn.get(folder) ?? []), path]);
  }
  const modules = readModules(project, filesIn.keys());
  /** The folder of an imported package of the repository, or null. */
  const folderOf = (imported: string): string | null => {
    for (const { name: module, folder } of modules) {
      if (imported !== module && !imported.startsWith(`${module}/`)) continue;
      const found = posix.join(folder, imported.slice(module.length + 1));
      if (filesIn.has(found)) return found;
    }
    return null;
  };
  return (path) => {
    const own = facts.get(path)!;
    const folder = posix.dirname(path);
    const packages = new Set<string>();
    const seen = new Set<string>();
    for (const { path: imported, alias } of own.imports) {
      const target = folderOf(imported);
      if (target === null || target === folder) continue;
      const files = filesIn.get(target)!;
      if (alias === '.') for (const file of files) facts.get(file)!.declared.forEach((one) => seen.add(one));
      else packages.add(alias ?? facts.get(files[0]!)!.packageName);
    }
    for (const file of filesIn.get(folder)!) {
      const other = facts.get(file)!;
      if (file === path || other.packageName !== own.packageName) continue;
      other.declared.forEach((one) => seen.add(one));
    }
    const imported = new Set(own.imports.map(({ path: from, alias }) => alias ?? posix.basename(from)));
    return (key) => packages.has(key) || (seen.has(key) && !imported.has(key));
  };
}

/** The modules of a repository by their `go.mod`, those with the longest names first. */
function readModules({ root, read }: Project, folders: Iterable<string>): { name: string; folder: string }[] {
  const places = new Set<string>();
  for (const folder of folders) {
    for (let above = folder; !places.has(above); above = posix.dirname(above)) places.add(above);
  }
  const modules = [...places].flatMap((folder) => {
    const stated = /^[^\S\n]*module[^\S\n]+"?([^\s"]+)/m.exec(read(posix.join(root, folder, 'go.mod')) ?? '');
    return stated === null ? [] : [{ name: stated[1]!, folder }];
  });
  return modules.sort((a, b) => b.name.length - a.name.length);
}

export const go = treeLanguage({
  name: 'go',
  names: { test: /_test\.go$|(^|\/)testdata\//, generated: /\.pb(\.gw)?\.go$|(^|\/)zz_generated|_gen\.go$/ },
  grammar: 'go',
  version: 1,
  lines: {
    comments: new Set(['comment']),
    plumbing: new Set(['package_clause', 'import_declaration']),
    texts: new Set(['interpreted_string_literal', 'raw_string_literal', 'rune_literal']),
    codeInTexts: new Set(),
    identifiers: new Set(['identifier', 'type_identifier', 'field_identifier', 'package_identifier']),
  },
  bindings,
});
