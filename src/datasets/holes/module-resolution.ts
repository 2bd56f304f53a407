/**
 * @file Which file of a repository an import specifier names.
 *
 * Follows what TypeScript and bundlers accept inside one repository: relative specifiers, left-out
 * extensions, folders with an index file, ".js" written for ".ts", and path aliases. It knows only the
 * paths it is given: packages, and files that are not part of the repository, resolve to null.
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
 * Makes the resolver of one repository.
 *
 * @param paths   All source paths, with forward slashes.
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
  // The longest text before the star wins; a pattern without a star is exact and comes first.
  const patterns = Object.entries(aliases).sort(([a], [b]) => specificity(b) - specificity(a));

  return (fromPath, specifier) => {
    if (/^\.\.?(\/|$)/.test(specifier)) {
      // ".", "./" and "x/.." name folders.
      const folderMark = /(^|\/)\.\.?$/.test(specifier) ? '/' : '';
      return findFile(known, posix.join(posix.dirname(fromPath), specifier + folderMark));
    }
    for (const [pattern, targets] of patterns) {
      const matched = matchAlias(pattern, specifier);
      if (matched === null) continue;
      for (const target of targets) {
        const found = findFile(known, posix.normalize(target.replace('*', () => matched)));
        if (found !== null) return found;
      }
      return null;
    }
    return null;
  };
}

function specificity(pattern: string): number {
  const star = pattern.indexOf('*');
  return star < 0 ? Number.POSITIVE_INFINITY : star;
}

/** The text the star stands for ("" for an exact pattern), or null if the pattern does not match. */
function matchAlias(pattern: string, specifier: string): string | null {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === specifier ? '' : null;
  const head = pattern.slice(0, star);
  const tail = pattern.slice(star + 1);
  const fits =
    specifier.length >= head.length + tail.length && specifier.startsWith(head) && specifier.endsWith(tail);
  return fits ? specifier.slice(head.length, specifier.length - tail.length) : null;
}

/** @param joined A path from the root; one that ends in a slash means a folder and no file. */
function findFile(known: ReadonlySet<string>, joined: string): string | null {
  const path = joined.replace(/\/$/, '').replace(/^\.\//, '');
  const extension = posix.extname(path);
  const sources = SOURCES_OF_OUTPUT[extension] ?? [];
  const stem = path.slice(0, path.length - extension.length);
  const inFolder = path === '.' ? 'index' : `${path}/index`;
  const asFile = [
    path,
    ...sources.map((source) => stem + source),
    ...EXTENSIONS.map((source) => path + source),
  ];
  const asFolder = EXTENSIONS.map((source) => inFolder + source);
  const candidates = joined.endsWith('/') ? asFolder : [...asFile, ...asFolder];
  return candidates.find((candidate) => known.has(candidate)) ?? null;
}
