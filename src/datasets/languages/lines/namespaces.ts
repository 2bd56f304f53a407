/**
 * @file Names in languages with namespaces (Java, C#, PHP): a file lies in one, imports names of others, and may
 * open whole others.
 */

/** What other files need to know of a file. Full names are joined with dots. */
export interface NamespaceFacts {
  /** The namespace of the file, "" for none. */
  readonly namespace: string;
  /** Full names of what it declares. */
  readonly declared: readonly string[];
  /** By the name it has here: the full name of what is imported. */
  readonly imports: ReadonlyMap<string, string>;
  /** Namespaces of which every name is seen. */
  readonly opened: readonly string[];
  /** Namespaces that every file of the project sees from here on. */
  readonly openedForAll?: readonly string[];
}

/** `a.b` of `a.b.C`; "" for a name without a dot. */
export function namespaceOf(fullName: string): string {
  const dot = fullName.lastIndexOf('.');
  return dot < 0 ? '' : fullName.slice(0, dot);
}

/** A full name. */
export function fullNameOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}.${name}`;
}

/**
 * Makes the question whether a name, as a file writes it, is declared in another file.
 *
 * An import decides alone. Else the name is looked for in the file's namespace, then in the opened ones.
 */
export function createNamespaceLookup(
  facts: ReadonlyMap<string, NamespaceFacts>,
): (path: string) => (key: string) => boolean {
  const filesOf = new Map<string, Set<string>>();
  for (const [path, { declared }] of facts) {
    for (const name of declared) filesOf.set(name, (filesOf.get(name) ?? new Set()).add(path));
  }
  const openedForAll = [...facts.values()].flatMap((file) => file.openedForAll ?? []);
  return (path) => {
    const own = facts.get(path)!;
    const seen = [own.namespace, ...own.opened, ...openedForAll];
    const isElsewhere = (fullName: string): boolean =>
      [...(filesOf.get(fullName) ?? [])].some((file) => file !== path);
    return (key) => {
      const [first, ...rest] = key.split('.');
      const imported = own.imports.get(first!);
      if (imported !== undefined) {
        // What is imported may be a part of what is declared: a nested type, a static member.
        const full = [imported, ...rest].join('.');
        return isElsewhere(full) || isElsewhere(imported) || isElsewhere(namespaceOf(imported));
      }
      return seen.some((namespace) => isElsewhere(fullNameOf(namespace, key)));
    };
  };
}
