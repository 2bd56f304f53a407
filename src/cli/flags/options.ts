/**
 * @file Parsers of flag values: strict, and each refusal says what was expected and what was given.
 */

import { InvalidArgumentError } from 'commander';
import { pipelineInRole } from '../../pipelines/kinds.js';
import { retrieverNamed, retrieversInWords, type RetrieverName } from '../../retrieval/kinds.js';

/** A whole number of at least `least`. `Number` alone would take "" and "1e3"; `parseInt` takes "12abc". */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}, got "${text}".`);
    }
    return value;
  };
}

/** A whole number of either sign. */
export function anyWholeNumber(text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(`expected a whole number, got "${text}".`);
  }
  return value;
}

/** One of the names given. */
export function oneOf<const T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`expected ${listed(names)}, got "${text}".`);
    return found;
  };
}

/** A comma-separated list of the names given, without repeats, in the order written. */
export function listOf<const T extends string>(names: readonly T[]): (text: string) => T[] {
  const parse = oneOf(names);
  return (text) => [...new Set(text.split(',').map((part) => parse(part.trim())))];
}

/** A retriever, or several joined by "+" in any order. */
export function retriever(text: string): RetrieverName {
  const name = retrieverNamed(text);
  if (name === null) {
    throw new InvalidArgumentError(`expected ${retrieversInWords()}, got "${text}".`);
  }
  return name;
}

/** A comma-separated list of retrievers, without repeats, in the order written. */
export function retrieverList(text: string): RetrieverName[] {
  return [...new Set(text.split(',').map((part) => retriever(part.trim())))];
}

/** A comma-separated list of any non-empty words. */
export function words(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.some((part) => part === '')) {
    throw new InvalidArgumentError(`expected words separated by commas, got "${text}".`);
  }
  return parts;
}

/** A number of tasks, or `all`. */
export function limit(text: string): number | 'all' {
  if (text === 'all') return 'all';
  try {
    return wholeNumber(1)(text);
  } catch {
    throw new InvalidArgumentError(`expected a whole number of at least 1, or "all", got "${text}".`);
  }
}

/** A number of at least 1, such as 4 or 2.5. */
export function ratio(text: string): number {
  const value = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || value < 1) {
    throw new InvalidArgumentError(`expected a number of at least 1, such as 4 or 2.5, got "${text}".`);
  }
  return value;
}

/** What a sweep can go through. */
export interface Sweep {
  readonly topK?: number[];
  readonly compressionRatio?: number[];
}

/**
 * `top-k=1,3,5` or `compression-ratio=1,2,4`: the values of a setting that one run goes through. The flag may stand
 * there once for each setting.
 *
 * @param before What earlier flags said.
 */
export function sweep(text: string, before: Sweep = {}): Sweep {
  const [, axis, values] = /^(top-k|compression-ratio)=([\d.]+(?:,[\d.]+)*)$/.exec(text) ?? [];
  if (values === undefined) {
    throw new InvalidArgumentError(
      `expected top-k= and whole numbers, such as top-k=1,3,5,10, or compression-ratio= and numbers, got "${text}".`,
    );
  }
  const each = values.split(',');
  return axis === 'top-k'
    ? { ...before, topK: each.map(wholeNumber(1)) }
    : { ...before, compressionRatio: each.map(ratio) };
}

/** One more value of a flag that may stand there several times. */
export function oneMore(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/**
 * `2500/2010,2000/1510/1400`: groups of prompt lengths, each full-rag/compressed or
 * full-rag/compressed/no-context.
 */
export function promptLengths(
  text: string,
): { fullRag: number; compressed: number; noContext: number | null }[] {
  return text.split(',').map((group) => {
    const parts = group.trim().split('/');
    if (parts.length < 2 || parts.length > 3) {
      throw new InvalidArgumentError(
        `expected full/compressed in tokens, such as 2500/2010,2000/1510 (a third number is ${pipelineInRole('no-retrieval')}), got "${group}".`,
      );
    }
    const [fullRag, compressed, noContext] = parts.map(wholeNumber(1));
    return { fullRag: fullRag!, compressed: compressed!, noContext: noContext ?? null };
  });
}

/** `i/n`: shard i of n, from 1; or `auto`. */
export function shard(text: string): { index: number; count: number } | 'auto' {
  if (text === 'auto') return 'auto';
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const parsed = { index: Number(index), count: Number(count) };
  if (!(parsed.index >= 1 && parsed.index <= parsed.count)) {
    throw new InvalidArgumentError(`expected i/n with i from 1 to n, such as 2/4, or auto, got "${text}".`);
  }
  return parsed;
}

/** A number of records, or a share of them: `5%`. */
export function maxFailures(text: string): number | string {
  const isShare = /^\d+(\.\d+)?%$/.test(text) && Number.parseFloat(text) <= 100;
  if (isShare) return text;
  try {
    return wholeNumber(0)(text);
  } catch {
    throw new InvalidArgumentError(
      `expected a whole number of at least 0, or a share from 0% to 100%, got "${text}".`,
    );
  }
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}
