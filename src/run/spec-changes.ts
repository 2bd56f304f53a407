/**
 * @file In which settings two runs differ, and how a message names them.
 */

/** One field that differs. */
export interface SpecChange {
  /** Dotted: `models.compression.projector`. */
  readonly field: string;
  /** Both values as JSON; `absent` where there is none. */
  readonly before: string;
  readonly after: string;
}

/** The fields in which two values differ, leaf by leaf, in code-point order of their names. */
export function specChanges(before: unknown, after: unknown): SpecChange[] {
  const [old, now] = [leaves(before), leaves(after)];
  const fields = [...new Set([...old.keys(), ...now.keys()])].sort();
  return fields.flatMap((field) => {
    const [was, is] = [old.get(field) ?? 'absent', now.get(field) ?? 'absent'];
    return was === is ? [] : [{ field, before: was, after: is }];
  });
}

function leaves(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map([[prefix, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...leaves(inner, prefix === '' ? key : `${prefix}.${key}`),
    ]),
  );
}

/** @example 'topK: [10] → [5]'; hashes are cut to twelve digits */
export function describeChange({ field, before, after }: SpecChange): string {
  const short = (text: string): string => text.replace(/[0-9a-f]{64}/g, (hash) => hash.slice(0, 12));
  return `${field}: ${short(before)} → ${short(after)}`;
}
