/**
 * @file Things of one kind by their names: those of the program first, then those that plug-ins add to this process.
 */

export class Registry<T extends { readonly name: string }> {
  readonly #builtIn: ReadonlyMap<string, T>;
  readonly #added = new Map<string, T>();

  /** @param builtIn Those of the program, in the order of lists and tables. */
  constructor(builtIn: readonly T[]) {
    this.#builtIn = new Map(builtIn.map((item) => [item.name, item]));
  }

  /** All names: those of the program, then the others in the order in which they came. */
  get names(): readonly string[] {
    return [...this.#builtIn.keys(), ...this.#added.keys()];
  }

  /** Everything, in the order of the names. */
  get items(): readonly T[] {
    return [...this.#builtIn.values(), ...this.#added.values()];
  }

  find(name: string): T | undefined {
    return this.#builtIn.get(name) ?? this.#added.get(name);
  }

  /** Whether the program itself has the name. */
  isBuiltIn(name: string): boolean {
    return this.#builtIn.has(name);
  }

  /**
   * Adds something, or replaces what was added under its name before.
   *
   * @throws {RangeError} If the program itself has the name.
   */
  add(item: T): void {
    if (this.isBuiltIn(item.name)) throw new RangeError(`${item.name} is a name of the program itself`);
    this.#added.set(item.name, item);
  }
}
