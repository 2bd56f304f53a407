/**
 * @file Which file of a repository a relative specifier or a path alias names.
 *
 * Follows what TypeScript and bundlers accept inside one repository: relative specifiers, left-out extensions,
 * folders with an index file, ".js" written for ".ts", and path aliases. It knows only the paths that it is
 * given: packages, and files that are not part of the repository, resolve to null.
 *
 * Source: TypeScript handbook, "Modules - Reference": relative paths, extension substitution, `paths`.
 */

import { posix } from 'node:path';

/** Alias patterns with at most one `*`, each with its targets relative to the root, as in a tsconfig. */
export type PathAliases = Readonly<Record<string, readonly string[]>>;

/** Finds the path of an imported file, or null. */
export type ModuleResolver = (fromPath: string, specifier: string) => string | null;

/** Tried in this order where a specifier leaves the extension out. */
const EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'];

/** What an output extension may stand for in the sources. */
const SOURCES_OF_OUTPUT: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx', '.js', '.jsx'],
  '.jsx': ['.tsx', '.jsx'],
  '.mjs': ['.mts', '.mjs'],
  '.cjs': ['.cts', '.cjs'],
};

/**
 * Makes a resolver that knows relative specifiers and the given aliases.
 *
 * @param paths All source paths, with forward slashes.
 *
 * @example
 * const resolve = createResolver(['src/a.ts', 'src/b/index.ts'], { '@/*': ['src/*'] });
 * resolve('src/a.ts', './b'); // 'src/b/index.ts'
 * resolve('src/b/index.ts', '../a.js'); // 'src/a.ts'
 * resolve('src/a.ts', '@/b'); // 'src/b/index.ts'
 * resolve('src/a.ts', 'lodash'); // null
 */
export function createResolver(paths: Iterable<string>, aliases: PathAliases = {}): ModuleResolver {
  const known = new Set(paths);
  return (from, specifier) =>
    isRelative(specifier)
      ? findRelative(known, from, specifier)
      : findAliased(aliases, specifier, (target) => findFile(known, target));
}

/** Whether a specifier starts at the folder of the file that imports it. */
export function isRelative(specifier: string): boolean {
  return /^\.\.?(\/|$)/.test(specifier);
}

/** The file that a relative specifier names. */
export function findRelative(known: ReadonlySet<string>, from: string, specifier: string): string | null {
  // ".", "./" and "x/.." name folders.
  const folderMark = /(^|\/)\.\.?$/.test(specifier) ? '/' : '';
  return findFile(known, posix.join(posix.dirname(from), specifier + folderMark));
}

/** The first target of the best matching pattern that is there. */
export function findAliased(
  aliases: PathAliases,
  specifier: string,
  find: (target: string) => string | null,
): string | null {
  // A pattern without a star is exact and comes first; then the longest text before the star wins.
  const patterns = Object.keys(aliases).sort((a, b) => specificity(b) - specificity(a));
  for (const pattern of patterns) {
    const matched = matchStar(pattern, specifier);
    if (matched === null) continue;
    for (const target of aliases[pattern]!) {
      const found = find(posix.normalize(target.replace('*', () => matched)));
      if (found !== null) return found;
    }
    return null;
  }
  return null;
}

function specificity(pattern: string): number {
  const star = pattern.indexOf('*');
  return star < 0 ? Number.POSITIVE_INFINITY : star;
}

/** The text that a pattern's star stands for ("" for an exact pattern), or null if the pattern does not match. */
export function matchStar(pattern: string, specifier: string): string | null {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === specifier ? '' : null;
  const head = pattern.slice(0, star);
  const tail = pattern.slice(star + 1);
  const fits =
    specifier.length >= head.length + tail.length && specifier.startsWith(head) && specifier.endsWith(tail);
  return fits ? specifier.slice(head.length, specifier.length - tail.length) : null;
}

/**
 * The source file that a path from the root names, with or without its extension.
 *
 * @param joined A path that ends in a slash means a folder and no file.
 */
export function findFile(known: ReadonlySet<string>, joined: string): string | null {
  const path = joined.replace(/\/$/, '').replace(/^\.\//, '');
  const extension = posix.extname(path);
  const sources = SOURCES_OF_OUTPUT[extension] ?? [];
  const stem = path.slice(0, path.length - extension.length);
  const inFolder = path === '.' || path === '' ? 'index' : `${path}/index`;
  const asFile = [
    path,
    ...sources.map((source) => stem + source),
    ...EXTENSIONS.map((source) => path + source),
  ];
  const asFolder = EXTENSIONS.map((source) => inFolder + source);
  const candidates = joined.endsWith('/') ? asFolder : [...asFile, ...asFolder];
  return candidates.find((candidate) => known.has(candidate)) ?? null;
}
