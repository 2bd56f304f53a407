/** @see compile-tests.mjs */
export function compileTests(
  entries: Readonly<Record<string, readonly string[]>>,
  folder: string,
  root?: string,
): Promise<void>;
