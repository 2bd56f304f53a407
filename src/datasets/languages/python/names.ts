/**
 * @file Whether a name in a Python file comes from another file of the repository.
 */

import { childAs, type SyntaxNode, type SyntaxTree } from '../../../parsing/syntax-tree.js';
import type { ModulePlace, Modules } from './modules.js';
import { lookUp, readScopes, type ScopedNames } from './scopes.js';

/** A file with its tree. */
export interface PythonFile {
  readonly path: string;
  readonly text: string;
  readonly root: SyntaxNode;
}

/** The names that `from <file> import *` brings. */
export type Exports = (path: string) => ReadonlySet<string>;

/**
 * Reads what files export, each once, and only those that somebody imports whole.
 *
 * @param parse Gives the tree of a file of the repository; null where there is none.
 */
export function createExports(
  parse: (path: string) => SyntaxTree | null,
  texts: ReadonlyMap<string, string>,
  modules: Modules,
): Exports {
  const known = new Map<string, ReadonlySet<string>>();
  const exportsOf: Exports = (path) => {
    const before = known.get(path);
    if (before !== undefined) return before;
    // Files that import each other whole find an empty set here.
    known.set(path, new Set());
    const root = parse(path)?.root;
    const text = texts.get(path);
    const names =
      root === undefined || text === undefined ? new Set<string>() : namesOf({ path, text, root });
    known.set(path, names);
    return names;
  };

  const namesOf = (file: PythonFile): ReadonlySet<string> => {
    const stated = statedExports(file);
    if (stated !== null) return stated;
    const scopes = readScopes(file.root, file.text);
    const own = [...scopes.module.names.keys(), ...starNames(file, scopes, modules, exportsOf)];
    return new Set(own.filter((name) => !name.startsWith('_')));
  };
  return exportsOf;
}

/** The names of `__all__ = [...]`, or null where the file has no such list. */
function statedExports({ root, text }: PythonFile): ReadonlySet<string> | null {
  for (const statement of root.children) {
    const assignment = statement.children[0];
    if (statement.type !== 'expression_statement' || assignment?.type !== 'assignment') continue;
    const left = childAs(assignment, 'left');
    const right = childAs(assignment, 'right');
    if (left === null || right === null || text.slice(left.start, left.end) !== '__all__') continue;
    if (right.type !== 'list' && right.type !== 'tuple') continue;
    const contents = right.children.flatMap(({ type, children }) =>
      type === 'string' ? children.filter((child) => child.type === 'string_content') : [],
    );
    return new Set(contents.map(({ start, end }) => text.slice(start, end)));
  }
  return null;
}

/** The names that the `import *` statements of a file bring from other files. */
function starNames(file: PythonFile, { stars }: ScopedNames, modules: Modules, exportsOf: Exports): string[] {
  return stars.flatMap((statement) => {
    const source = placeOf(file, childAs(statement, 'module_name'), modules)?.file ?? null;
    return source === null || source === file.path ? [] : [...exportsOf(source)];
  });
}

/**
 * Makes the question whether an identifier of a file is bound by an import of another file.
 *
 * An identifier that is not looked up (one that binds, or that stands after a dot) is not.
 */
export function createNameLookup(
  file: PythonFile,
  modules: Modules,
  exportsOf: Exports,
): (identifier: SyntaxNode) => boolean {
  const scopes = readScopes(file.root, file.text);
  const fromStars = new Set(starNames(file, scopes, modules, exportsOf));
  const answers = new Map<SyntaxNode, boolean>();
  const leadsElsewhere = (item: SyntaxNode): boolean => {
    const before = answers.get(item);
    if (before !== undefined) return before;
    const answer = importLeadsElsewhere(file, item, modules);
    answers.set(item, answer);
    return answer;
  };
  return (identifier) => {
    const scope = scopes.uses.get(identifier);
    if (scope === undefined) return false;
    const name = file.text.slice(identifier.start, identifier.end);
    const binding = lookUp(name, scope);
    return binding === null ? fromStars.has(name) : binding.imports.some(leadsElsewhere);
  };
}

/** @param item One name of an import statement, with its alias. */
function importLeadsElsewhere(file: PythonFile, item: SyntaxNode, modules: Modules): boolean {
  const dotted = item.type === 'aliased_import' ? childAs(item, 'name') : item;
  const statement = item.parent;
  if (dotted === null || statement === null) return false;
  if (statement.type === 'import_statement') {
    const source = placeOf(file, dotted, modules)?.file ?? null;
    return source !== null && source !== file.path;
  }
  const place = placeOf(file, childAs(statement, 'module_name'), modules);
  if (place === null) return false;
  const name = partsOf(dotted, file.text)[0];
  const module = name === undefined ? null : modules.childOf(place, name);
  // A module of a package, or a name inside the package's own file.
  const source = module?.file ?? place.file;
  return source !== null && source !== file.path;
}

/** The place of a dotted name, with or without dots at its beginning. */
function placeOf(file: PythonFile, name: SyntaxNode | null, modules: Modules): ModulePlace | null {
  if (name === null) return null;
  if (name.type !== 'relative_import') return modules.find(file.path, 0, partsOf(name, file.text));
  const prefix = name.children.find(({ type }) => type === 'import_prefix');
  const dotted = name.children.find(({ type }) => type === 'dotted_name');
  const level = prefix?.children.length ?? 0;
  return modules.find(file.path, level, dotted === undefined ? [] : partsOf(dotted, file.text));
}

function partsOf({ children }: SyntaxNode, text: string): string[] {
  return children.filter(({ type }) => type === 'identifier').map(({ start, end }) => text.slice(start, end));
}
