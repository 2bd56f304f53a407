/**
 * @file One text for one value, for hashing: keys in code-point order, no spaces.
 */

import { compareCodePoints } from './text.js';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** @example canonicalJson({ b: 1, a: [null] }) // => '{"a":[null],"b":1}' */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => compareCodePoints(a, b));
    return `{${entries.map(([key, item]: [string, Json]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
