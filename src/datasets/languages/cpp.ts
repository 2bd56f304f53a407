/**
 * @file C and C++: parsed by the grammar of C++. A name is from another file if a file declares it that is reached
 * by `#include "..."`, directly or through others.
 *
 * One language for both, since a header does not say which it is. Nobody can parse a file before its macros are
 * filled in, so a file may have syntax errors: the lines that an error touches are no holes, the others may be.
 */

import { posix } from 'node:path';
import { childAs, nodesIn, type SyntaxNode } from '../../parsing/syntax-tree.js';
import {
  namesBelow,
  namesInField,
  treeLanguage,
  type NameRules,
  type NamesOf,
  type ParsedFile,
} from './lines/tree-language.js';

interface CppFacts {
  /** Names outside of functions. */
  readonly declared: ReadonlySet<string>;
  /** Paths as the file writes them. */
  readonly includes: readonly string[];
}

const NAMES = ['identifier', 'type_identifier'];
const typeName: NamesOf = (node) => {
  const named = childAs(node, 'name');
  // Without a body, `struct Price p;` only uses the type.
  return named !== null && childAs(node, 'body') !== null ? namesBelow(named, NAMES) : [];
};
const name = namesInField('name', NAMES);
const declarators: NamesOf = ({ children }) =>
  children.flatMap((child) => (child.field === 'declarator' ? declaredName(child) : []));

/** The name in a declarator, which pointers, arrays, parameters and values stand around. */
function declaredName(declarator: SyntaxNode, types: readonly string[] = NAMES): SyntaxNode[] {
  if (types.includes(declarator.type)) return [declarator];
  const inner = childAs(declarator, 'declarator');
  if (inner !== null) return declaredName(inner, types);
  // `&price` and `[a, b]` have their names without a field.
  return /^(reference_declarator|structured_binding_declarator|variadic_declarator)$/.test(declarator.type)
    ? declarator.children.flatMap((child) => declaredName(child, types))
    : [];
}

function fieldNames({ children }: SyntaxNode): SyntaxNode[] {
  return children.flatMap((child) =>
    child.field === 'declarator' ? declaredName(child, ['field_identifier']) : [],
  );
}

const bindings: NameRules<CppFacts> = {
  scopes: new Set(['function_definition', 'lambda_expression']),
  declares: {
    class_specifier: typeName,
    struct_specifier: typeName,
    union_specifier: typeName,
    enum_specifier: typeName,
    function_definition: declarators,
    preproc_def: name,
    preproc_function_def: name,
    enumerator: name,
    alias_declaration: name,
    concept_definition: name,
    type_definition: declarators,
  },
  binds: {
    declaration: declarators,
    parameter_declaration: declarators,
    optional_parameter_declaration: declarators,
    for_range_loop: declarators,
    init_statement: declarators,
    field_declaration: fieldNames,
    type_parameter_declaration: ({ children }) => children.filter(({ type }) => type === 'type_identifier'),
    optional_type_parameter_declaration: name,
  },
  keyOf: (identifier, { textOf }) => (isMember(identifier) ? null : textOf(identifier)),
  readFacts,
  createLookup,
};

/** Whether an identifier is found by the object before it, or is a label. */
function isMember({ type, parent }: SyntaxNode): boolean {
  return type === 'field_identifier' || type === 'statement_identifier' || parent?.type === 'attribute';
}

function readFacts({ root, textOf }: ParsedFile, own: ReadonlySet<string>): CppFacts {
  const includes: string[] = [];
  const declared = new Set(own);
  for (const node of nodesIn(root)) {
    // A field is reached through an object, so its name means nothing to other files.
    if (node.type === 'field_declaration')
      for (const field of fieldNames(node)) declared.delete(textOf(field));
    const path = node.type === 'preproc_include' ? childAs(node, 'path') : null;
    if (path !== null) includes.push(textOf(path).replace(/^["<]|[">]$/g, ''));
  }
  return { declared, includes };
}

function createLookup(facts: ReadonlyMap<string, CppFacts>): (path: string) => (key: string) => boolean {
  const byName = new Map<string, string[]>();
  for (const path of facts.keys()) {
    const base = posix.basename(path);
    byName.set(base, [...(byName.get(base) ?? []), path]);
  }
  /** The file beside the including one, else the one file of the repository whose path ends so. */
  const included = (from: string, written: string): string | null => {
    const beside = posix.join(posix.dirname(from), written);
    if (facts.has(beside)) return beside;
    const ending = `/${written.replace(/^(\.\.?\/)+/, '')}`;
    const found = (byName.get(posix.basename(written)) ?? []).filter((path) => `/${path}`.endsWith(ending));
    return found.length === 1 ? found[0]! : null;
  };
  return (path) => {
    const reached = new Set<string>();
    const open = [path];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      for (const written of facts.get(file)!.includes) {
        const target = included(file, written);
        if (target === null || target === path || reached.has(target)) continue;
        reached.add(target);
        open.push(target);
      }
    }
    return (key) => {
      for (const file of reached) if (facts.get(file)!.declared.has(key)) return true;
      return false;
    };
  };
}

/** A macro between `class` and the name, by which libraries export a class. */
const EXPORT_MACRO = /\b(class|struct)(\s+)([A-Z][A-Z0-9_]+)(?=\s+[A-Za-z_]\w*\s*(?:final\s*)?[:{])/g;

export const cpp = treeLanguage({
  name: 'cpp',
  names: {
    test: /(^|\/)[^/]*_(unit)?tests?\.(c|cc|cpp|cxx)$/,
    generated: /\.pb\.(h|cc)$|(^|\/)(moc|ui|qrc)_[^/]*$/,
  },
  grammar: 'cpp',
  version: 1,
  lines: {
    comments: new Set(['comment']),
    plumbing: new Set([
      'preproc_include',
      'preproc_def',
      'preproc_function_def',
      'preproc_call',
      'using_declaration',
    ]),
    texts: new Set(['string_literal', 'raw_string_literal', 'char_literal']),
    codeInTexts: new Set(),
    identifiers: new Set([...NAMES, 'field_identifier', 'namespace_identifier', 'statement_identifier']),
    // The condition of `#if` is for the preprocessor.
    isProse: ({ field, parent }) =>
      (field === 'condition' || field === 'name') && parent !== null && /^preproc_(el)?if/.test(parent.type),
  },
  bindings,
  preprocess: (text) =>
    text.replace(
      EXPORT_MACRO,
      (_, kind: string, space: string, macro: string) => kind + space + ' '.repeat(macro.length),
    ),
});
