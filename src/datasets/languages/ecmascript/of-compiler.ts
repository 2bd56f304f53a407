/**
 * @file TypeScript's compiler recurses, so a file that is nested too deeply exhausts its stack.
 */

/**
 * What the compiler makes of a file; null where the file is nested too deeply for its recursion. Such files are
 * data rather than code, and one of them must not cost the others.
 */
export function ofCompiler<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
