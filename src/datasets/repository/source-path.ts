/**
 * @file Which files of a repository are source text in a language, judged by path.
 *
 * Used for what a retriever may see and for where holes may lie. In TypeScript and JavaScript,
 * declarations, tests, generated and minified files are left out; in the other languages every file
 * with the right extension counts, as the published harnesses do it.
 */

import type { Language } from '../../domain/task.js';

const EXTENSIONS: Readonly<Record<Language, readonly string[]>> = {
  typescript: ['.ts', '.tsx', '.mts', '.cts'],
  javascript: ['.js', '.jsx', '.mjs', '.cjs'],
  python: ['.py'],
  java: ['.java'],
  csharp: ['.cs'],
};

/** Folders that hold installed, built or hidden files. Names starting with a dot are ignored too. */
const IGNORED_FOLDERS: ReadonlySet<string> = new Set([
  'node_modules',
  'bower_components',
  'jspm_packages',
  'dist',
  'build',
  'out',
  'target',
  'coverage',
  'vendor',
  'venv',
  '__pycache__',
]);

const TEST_FOLDER = /(^|\/)(tests?|__tests__|__mocks__|__fixtures__|__testfixtures__|fixtures|specs?|e2e)\//;
const TEST_FILE = /\.(test|spec|test-d|bench|stories|e2e)\.[cm]?[jt]sx?$/;
const DECLARATION = /\.d\.([^./]+\.)?[cm]?ts$/;
const GENERATED = /(^|\/)(generated|__generated__)\/|\.(generated|gen|min)\.[cm]?[jt]sx?$/;

/** Whether a folder of this name is searched for source files. */
export function isSearchedFolder(name: string): boolean {
  return !name.startsWith('.') && !IGNORED_FOLDERS.has(name);
}

/** The language of a path by its extension, or null. */
export function languageOfPath(path: string): Language | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  if (dot < 0) return null;
  const extension = name.slice(dot).toLowerCase();
  for (const [language, extensions] of Object.entries(EXTENSIONS)) {
    if (extensions.includes(extension)) return language as Language;
  }
  return null;
}

/**
 * Whether a path is source text of a language.
 *
 * @param path Path inside the repository, with forward slashes.
 *
 * @example
 * isSourcePath('src/cart.ts', 'typescript'); // true
 * isSourcePath('src/cart.spec.ts', 'typescript'); // false
 * isSourcePath('src/cart.d.ts', 'typescript'); // false
 */
export function isSourcePath(path: string, language: Language): boolean {
  if (languageOfPath(path) !== language) return false;
  if (language !== 'typescript' && language !== 'javascript') return true;
  return !DECLARATION.test(path) && !TEST_FOLDER.test(path) && !TEST_FILE.test(path) && !GENERATED.test(path);
}

/** Above this a line was not written by hand. */
const LONGEST_WRITTEN_LINE = 1000;
const GENERATED_NOTE = /@generated\b|\b(auto-?)?generated\b[^\n]*\bdo not (edit|modify)\b/i;

/** Whether a text says that a program wrote it (in its first 1,000 characters) or looks minified. */
export function isMachineWritten(text: string): boolean {
  if (GENERATED_NOTE.test(text.slice(0, 1000))) return true;
  return text.split('\n').some((line) => line.length > LONGEST_WRITTEN_LINE);
}
