/**
 * @file What the functions that take long share: how a request is checked, what a program hears, and how it ends them.
 */

import type { z } from 'zod';
import { quietSurroundings, type ComparisonEvent, type Surroundings } from '../comparison/events.js';
import { UsageError } from '../domain/errors.js';

/** What a program may want to hear, and how it ends the work. */
export interface RunSurroundings {
  /** Told of progress and notes. No result depends on it. */
  readonly onEvent?: (event: ComparisonEvent) => void;
  /** Ends the work soon, between two tasks or steps. What is done stays, and `resume` goes on with it. */
  readonly signal?: AbortSignal;
}

export function surroundingsOf({ onEvent, signal }: RunSurroundings): Surroundings {
  return {
    ...quietSurroundings(),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** A request of a program, which may not be written in TypeScript. @throws {UsageError} If it is none. */
export function checkedRequest<T extends z.ZodType>(schema: T, request: unknown): z.infer<T> {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    parsed.error.issues
      .map(({ path, message }) => `request: ${path.map(String).join('.') || 'settings'}: ${message}`)
      .join('; '),
    ['the settings are the flags of the command, in camel case'],
  );
}
