/**
 * @file Where fetched files are kept between runs.
 */

import envPaths from 'env-paths';

/** `LLAVA_EVAL_CACHE` if set, else the cache folder that the operating system gives to programs. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['LLAVA_EVAL_CACHE'];
  return chosen === undefined || chosen === '' ? envPaths('llava-eval', { suffix: '' }).cache : chosen;
}
