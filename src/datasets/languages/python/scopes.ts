/**
 * @file The scopes of a Python file: which names each binds, and in which scope each name is used.
 *
 * Source: Python Language Reference, 4.2 "Naming and binding", and the grammar's node types. A name is bound in
 * a function if anything in the function binds it; class scopes are not seen from the functions inside them.
 */

import { childAs, childrenAs, type SyntaxNode } from '../../../parsing/syntax-tree.js';

/** What binds a name: imports, or anything else. */
export interface Binding {
  /** Import statements, in the order of the text. */
  readonly imports: SyntaxNode[];
}

export interface Scope {
  readonly kind: 'module' | 'class' | 'function' | 'comprehension';
  readonly parent: Scope | null;
  readonly names: Map<string, Binding>;
  /** Names that a `global` statement sends to the module. */
  readonly globals: Set<string>;
  /** Names that a `nonlocal` statement sends to the scope around. */
  readonly nonlocals: Set<string>;
}

export interface ScopedNames {
  readonly module: Scope;
  /** The scope of each identifier that is looked up. Those that bind, and those after a dot, are not there. */
  readonly uses: ReadonlyMap<SyntaxNode, Scope>;
  /** `from m import *` statements at any place. */
  readonly stars: readonly SyntaxNode[];
}

/** Reads the scopes of a tree. */
export function readScopes(root: SyntaxNode, text: string): ScopedNames {
  const reader = new ScopeReader(text);
  reader.visitAll(root.children, reader.module);
  return reader;
}

/** The binding that a name has where it is used, or null if nothing in the file binds it. */
export function lookUp(name: string, from: Scope): Binding | null {
  let isInnermost = true;
  for (let scope: Scope | null = from; scope !== null; scope = scope.parent) {
    if (scope.kind !== 'class' || isInnermost) {
      if (scope.globals.has(name)) return moduleOf(scope).names.get(name) ?? null;
      const found = scope.nonlocals.has(name) ? undefined : scope.names.get(name);
      if (found !== undefined) return found;
    }
    isInnermost = false;
  }
  return null;
}

function moduleOf(scope: Scope): Scope {
  return scope.parent === null ? scope : moduleOf(scope.parent);
}

function makeScope(kind: Scope['kind'], parent: Scope | null): Scope {
  return { kind, parent, names: new Map(), globals: new Set(), nonlocals: new Set() };
}

class ScopeReader implements ScopedNames {
  readonly module = makeScope('module', null);
  readonly uses = new Map<SyntaxNode, Scope>();
  readonly stars: SyntaxNode[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  visitAll(nodes: readonly SyntaxNode[], scope: Scope): void {
    for (const node of nodes) this.visit(node, scope);
  }

  visit(node: SyntaxNode, scope: Scope): void {
    switch (node.type) {
      case 'identifier':
        this.uses.set(node, scope);
        return;
      case 'import_statement':
      case 'import_from_statement':
        this.#visitImport(node, scope);
        return;
      case 'future_import_statement':
        return;
      case 'function_definition':
        this.#visitFunction(node, scope);
        return;
      case 'class_definition':
        this.#bindField(node, 'name', scope);
        this.#visitFields(node, ['superclasses'], scope);
        this.#visitFields(node, ['body'], makeScope('class', scope));
        return;
      case 'lambda': {
        const inner = makeScope('function', scope);
        for (const parameters of childrenAs(node, 'parameters'))
          this.#visitParameters(parameters, inner, scope);
        this.#visitFields(node, ['body'], inner);
        return;
      }
      case 'list_comprehension':
      case 'set_comprehension':
      case 'dictionary_comprehension':
      case 'generator_expression':
        this.visitAll(node.children, makeScope('comprehension', scope));
        return;
      case 'assignment':
      case 'for_statement':
      case 'for_in_clause':
      case 'type_alias_statement':
        this.#visitTarget(childAs(node, 'left'), scope);
        this.visitAll(
          node.children.filter(({ field }) => field !== 'left'),
          scope,
        );
        return;
      case 'augmented_assignment':
        // It reads the name and binds it.
        this.#visitTarget(childAs(node, 'left'), scope);
        this.visitAll(node.children, scope);
        return;
      case 'named_expression':
        this.#bindField(node, 'name', aroundComprehensions(scope));
        this.#visitFields(node, ['value'], scope);
        return;
      case 'as_pattern_target':
        for (const child of node.children) this.#visitTarget(child, scope);
        return;
      case 'global_statement':
        for (const name of this.#namesIn(node)) scope.globals.add(name);
        return;
      case 'nonlocal_statement':
        for (const name of this.#namesIn(node)) scope.nonlocals.add(name);
        return;
      case 'attribute':
        this.#visitFields(node, ['object'], scope);
        return;
      case 'keyword_argument':
        this.#visitFields(node, ['value'], scope);
        return;
      case 'case_pattern':
        this.#visitPattern(node, scope);
        return;
      default:
        this.visitAll(node.children, scope);
    }
  }

  #visitFunction(node: SyntaxNode, scope: Scope): void {
    this.#bindField(node, 'name', scope);
    this.#visitFields(node, ['return_type'], scope);
    const inner = makeScope('function', scope);
    for (const parameters of childrenAs(node, 'parameters')) this.#visitParameters(parameters, inner, scope);
    this.#visitFields(node, ['body'], inner);
  }

  /** Names go to the function; default values and annotations belong to the scope around it. */
  #visitParameters(parameters: SyntaxNode, inner: Scope, outer: Scope): void {
    for (const parameter of parameters.children) {
      switch (parameter.type) {
        case 'default_parameter':
        case 'typed_default_parameter':
          this.#visitTarget(childAs(parameter, 'name'), inner);
          this.#visitFields(parameter, ['type', 'value'], outer);
          break;
        case 'typed_parameter':
          this.#visitFields(parameter, ['type'], outer);
          for (const child of parameter.children) if (child.field !== 'type') this.#visitTarget(child, inner);
          break;
        default:
          this.#visitTarget(parameter, inner);
      }
    }
  }

  /** A target binds its names; what it only reaches through, as in `a.b = 1` or `a[i] = 1`, is looked up. */
  #visitTarget(node: SyntaxNode | null, scope: Scope): void {
    if (node === null) return;
    switch (node.type) {
      case 'identifier':
        this.#bind(this.#textOf(node), scope);
        return;
      case 'attribute':
      case 'subscript':
        this.visit(node, scope);
        return;
      default:
        for (const child of node.children) this.#visitTarget(child, scope);
    }
  }

  /** In `case`, a bare name captures, a dotted name is looked up, and so is the class before brackets. */
  #visitPattern(node: SyntaxNode, scope: Scope): void {
    for (const child of node.children) {
      const names = child.children.filter(({ type }) => type === 'identifier');
      if (child.type === 'dotted_name' && names.length === 1 && node.type !== 'class_pattern') {
        this.#visitTarget(names[0]!, scope);
      } else if (child.type === 'dotted_name') {
        this.visit(names[0]!, scope);
      } else if (child.type === 'identifier') {
        // The alias of `as`, the rest of `*rest`, or the attribute in `Point(x=0)`.
        if (node.type !== 'keyword_pattern') this.#bind(this.#textOf(child), scope);
      } else {
        this.#visitPattern(child, scope);
      }
    }
  }

  #visitImport(node: SyntaxNode, scope: Scope): void {
    if (node.children.some(({ type }) => type === 'wildcard_import')) {
      this.stars.push(node);
      return;
    }
    for (const item of childrenAs(node, 'name')) {
      const alias = childAs(item, 'alias');
      const name = alias ?? (item.type === 'dotted_name' ? item.children[0] : undefined);
      if (name !== undefined) this.#bind(this.#textOf(name), scope, item);
    }
  }

  #bindField(node: SyntaxNode, field: string, scope: Scope): void {
    const name = childAs(node, field);
    if (name !== null) this.#bind(this.#textOf(name), scope);
  }

  #bind(name: string, scope: Scope, item?: SyntaxNode): void {
    const { names } = scope.globals.has(name) ? this.module : scope;
    const known = names.get(name) ?? { imports: [] };
    names.set(name, known);
    if (item !== undefined) known.imports.push(item);
  }

  #visitFields(node: SyntaxNode, fields: readonly string[], scope: Scope): void {
    for (const child of node.children) {
      if (child.field !== null && fields.includes(child.field)) this.visit(child, scope);
    }
  }

  #namesIn(node: SyntaxNode): string[] {
    return node.children.filter(({ type }) => type === 'identifier').map((name) => this.#textOf(name));
  }

  #textOf({ start, end }: SyntaxNode): string {
    return this.#text.slice(start, end);
  }
}

/** An assignment expression inside a comprehension binds its name around it. */
function aroundComprehensions(scope: Scope): Scope {
  return scope.kind === 'comprehension' && scope.parent !== null ? aroundComprehensions(scope.parent) : scope;
}
