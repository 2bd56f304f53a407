/**
 * @file Rust: parsed by tree-sitter. A name is from another file if a `use` of a path inside the repository brings
 * it, if it is a module that the file declares, or if it stands in a path that starts at `crate` or `super`.
 */

import { posix } from 'node:path';
import { childAs, nodesIn, type SyntaxNode } from '../../parsing/syntax-tree.js';
import type { Project } from './lines/language.js';
import {
  namesBelow,
  namesInField,
  treeLanguage,
  type NameRules,
  type NamesOf,
  type ParsedFile,
} from './lines/tree-language.js';

interface RustFacts {
  /** Names of items, at any depth of modules and implementations. */
  readonly declared: ReadonlySet<string>;
  /** What `use` brings: the name here, the first part of its path, and its own name. */
  readonly uses: readonly { readonly name: string; readonly first: string; readonly item: string }[];
  /** First parts of the paths of which `use` brings everything. */
  readonly globs: readonly string[];
  /** Modules whose text is in files of their own. */
  readonly modules: ReadonlySet<string>;
}

const ITEMS = ['struct_item', 'enum_item', 'union_item', 'trait_item', 'type_item'];
const VALUES = ['function_item', 'const_item', 'static_item', 'macro_definition', 'function_signature_item'];
const NAMES = ['identifier', 'type_identifier'];
const name = namesInField('name', NAMES);
const pattern = namesInField('pattern');

const bindings: NameRules<RustFacts> = {
  scopes: new Set(['function_item', 'closure_expression']),
  declares: Object.fromEntries([...ITEMS, ...VALUES].map((type): [string, NamesOf] => [type, name])),
  binds: {
    parameter: pattern,
    let_declaration: pattern,
    let_condition: pattern,
    for_expression: pattern,
    match_arm: namesInField('pattern'),
    closure_parameters: ({ children }) =>
      children.flatMap((child) => (child.type === 'parameter' ? [] : namesBelow(child, ['identifier']))),
    type_parameter: name,
    const_parameter: name,
  },
  keyOf,
  readFacts,
  createLookup,
};

/** Begins the key of a name in a path that starts inside the repository. */
const ROOTED = '::';

function keyOf(identifier: SyntaxNode, { textOf }: ParsedFile): string | null {
  const { parent, type, field } = identifier;
  if (type === 'field_identifier' || type === 'shorthand_field_identifier') return null;
  if (parent === null || /^(attribute|meta_item|lifetime|label|field_pattern)$/.test(parent.type))
    return null;
  if (/^scoped_(type_)?identifier$/.test(parent.type) && field === 'name') {
    return isRooted(parent) ? `${ROOTED}${textOf(identifier)}` : null;
  }
  // In a macro's arguments there are tokens only.
  if (parent.type === 'token_tree') {
    const before = parent.children[parent.children.indexOf(identifier) - 1];
    if (before?.type === '.' || before?.type === '::') return null;
  }
  return textOf(identifier);
}

/** Whether a path starts at `crate` or `super`. */
function isRooted(path: SyntaxNode): boolean {
  const before = childAs(path, 'path');
  if (before === null) return false;
  return before.type === 'crate' || before.type === 'super' || isRooted(before);
}

function readFacts({ root, textOf }: ParsedFile): RustFacts {
  const declared = new Set<string>();
  const modules = new Set<string>();
  const uses: { name: string; first: string; item: string }[] = [];
  const globs: string[] = [];
  const readUse = (node: SyntaxNode, above: readonly string[]): void => {
    const path = (part: SyntaxNode | null): string[] =>
      part === null ? [...above] : [...above, ...textOf(part).replace(/\s+/g, '').split('::')];
    const add = (parts: readonly string[], alias: string | null): void => {
      const item = parts.at(-1) === 'self' ? parts.at(-2) : parts.at(-1);
      if (item !== undefined && parts[0] !== undefined)
        uses.push({ name: alias ?? item, first: parts[0], item });
    };
    switch (node.type) {
      case 'scoped_use_list': {
        const prefix = path(childAs(node, 'path'));
        for (const child of childAs(node, 'list')?.children ?? []) readUse(child, prefix);
        return;
      }
      case 'use_list':
        for (const child of node.children) readUse(child, above);
        return;
      case 'use_as_clause': {
        const alias = childAs(node, 'alias');
        add(path(childAs(node, 'path')), alias === null ? null : textOf(alias));
        return;
      }
      case 'use_wildcard': {
        const [first] = path(node.children[0] ?? null);
        if (first !== undefined) globs.push(first);
        return;
      }
      case 'identifier':
      case 'scoped_identifier':
      case 'self':
        add(path(node), null);
        return;
      default:
    }
  };
  for (const node of nodesIn(root)) {
    const own = childAs(node, 'name');
    if (node.type === 'use_declaration') {
      const argument = childAs(node, 'argument');
      if (argument !== null) readUse(argument, []);
    } else if (own !== null && node.type === 'mod_item') {
      if (childAs(node, 'body') === null) modules.add(textOf(own));
    } else if (own !== null && [...ITEMS, ...VALUES].includes(node.type)) {
      declared.add(textOf(own));
    }
  }
  return { declared, uses, globs, modules };
}

function createLookup(
  facts: ReadonlyMap<string, RustFacts>,
  project: Project,
): (path: string) => (key: string) => boolean {
  const filesOf = new Map<string, Set<string>>();
  for (const [path, { declared }] of facts) {
    for (const item of declared) filesOf.set(item, (filesOf.get(item) ?? new Set()).add(path));
    // A module is declared by its file.
    const module =
      posix.basename(path, '.rs') === 'mod'
        ? posix.basename(posix.dirname(path))
        : posix.basename(path, '.rs');
    filesOf.set(module, (filesOf.get(module) ?? new Set()).add(path));
  }
  const crates = readCrates(project);
  return (path) => {
    const own = facts.get(path)!;
    const isInside = (first: string): boolean =>
      /^(crate|super|self)$/.test(first) || own.modules.has(first) || crates.has(first);
    const isElsewhere = (item: string): boolean =>
      [...(filesOf.get(item) ?? [])].some((file) => file !== path);
    const used = new Map(own.uses.map((use) => [use.name, use]));
    const opensOthers = own.globs.some(isInside);
    return (key) => {
      if (key.startsWith(ROOTED)) return isElsewhere(key.slice(ROOTED.length));
      const use = used.get(key);
      if (use !== undefined) return isInside(use.first) && isElsewhere(use.item);
      if (crates.has(key)) return true;
      return (own.modules.has(key) || opensOthers) && isElsewhere(key);
    };
  };
}

/** The crates of a repository as paths name them, by their `Cargo.toml`. */
function readCrates({ root, files, read }: Project): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { path } of files) {
    for (let above = posix.dirname(path); !places.has(above); above = posix.dirname(above)) places.add(above);
  }
  const names = [...places].flatMap((folder) =>
    namesInManifest(read(posix.join(root, folder, 'Cargo.toml')) ?? ''),
  );
  return new Set(names.map((name) => name.replaceAll('-', '_')));
}

/** The names in the sections `[package]` and `[lib]`: in each the first, if no list or table stands before it. */
function namesInManifest(manifest: string): string[] {
  const names: string[] = [];
  let isWanted = false;
  for (const line of manifest.split('\n')) {
    const name: string | undefined = isWanted ? /^\s*name\s*=\s*["']([^"']+)["']/.exec(line)?.[1] : undefined;
    if (name !== undefined) names.push(name);
    const head = /^\[(?:package|lib)\]/.exec(line)?.[0];
    isWanted =
      (isWanted || head !== undefined) && name === undefined && !line.slice(head?.length).includes('[');
  }
  return names;
}

/** Tests stand inside the files that they test; they are left out as test files are. */
function isTestModule(node: SyntaxNode, textOf: ParsedFile['textOf']): boolean {
  const isMark = (attribute: SyntaxNode | undefined): boolean =>
    attribute?.type === 'attribute_item' && /\bcfg\(test\)/.test(textOf(attribute));
  if (node.type !== 'mod_item' || node.parent === null) return isMark(node);
  return isMark(node.parent.children[node.parent.children.indexOf(node) - 1]);
}

export const rust = treeLanguage({
  name: 'rust',
  names: {
    test: /(^|\/)(tests?|[^/]*_tests?)\.rs$|(^|\/)benches\//,
    generated: /(^|\/)(bindings|generated)\.rs$/,
  },
  grammar: 'rust',
  version: 1,
  lines: {
    comments: new Set(['line_comment', 'block_comment']),
    plumbing: new Set(['use_declaration', 'extern_crate_declaration']),
    texts: new Set(['string_literal', 'raw_string_literal', 'char_literal']),
    codeInTexts: new Set(),
    identifiers: new Set([...NAMES, 'field_identifier', 'shorthand_field_identifier']),
    isProse: isTestModule,
  },
  bindings,
});
