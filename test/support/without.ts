/**
 * @file An object without some of its fields.
 */

/** A copy of `of` that lacks the fields `names`. @example without({ a: 1, b: 2 }, 'a') // => { b: 2 } */
export function without<T extends object, K extends keyof T & string>(
  of: T,
  ...names: readonly K[]
): Omit<T, K> {
  const lacking: ReadonlySet<string> = new Set(names);
  // Dropping the fields that the type drops; the compiler cannot follow `filter`.
  return Object.fromEntries(Object.entries(of).filter(([name]) => !lacking.has(name))) as Omit<T, K>;
}
