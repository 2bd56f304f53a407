/**
 * @file Which files of a repository are source text that people wrote, judged by path and by text.
 *
 * Used for what a retriever may see and for where holes may lie. The patterns of a language are in its own file
 * in `datasets/languages/`; what is the same in all languages is here.
 */

import { languageOfPath, type Language } from '../../domain/languages.js';
import { languageKind } from '../languages/all.js';

/** Folders that hold what others wrote, or what is built to be published. */
const IGNORED_FOLDERS: ReadonlySet<string> = new Set([
  'node_modules',
  'bower_components',
  'jspm_packages',
  'dist',
  'vendor',
  'venv',
  'site-packages',
  '__pycache__',
]);
/** Folders that hold built files, unless git tracks what is in them. */
const BUILT_FOLDERS: ReadonlySet<string> = new Set(['build', 'out', 'target', 'coverage']);

const TEST_FOLDER = /(^|\/)(tests?|__tests__|__mocks__|__fixtures__|__testfixtures__|fixtures|specs?|e2e)\//;
const GENERATED_FOLDER = /(^|\/)(generated|__generated__)\//;

/** Whether a folder of this name may hold source files at all. Names that start with a dot are hidden. */
export function mayHoldSource(name: string): boolean {
  return !name.startsWith('.') && !IGNORED_FOLDERS.has(name);
}

/** Whether a folder of this name holds built files, as far as its name tells. */
export function isBuiltFolder(name: string): boolean {
  return BUILT_FOLDERS.has(name);
}

/** Why a file of a language is not taken for source text, judged by its path; null if it is. */
export function unwantedBy(path: string, language: Language): 'test' | 'generated' | 'declaration' | null {
  const { declaration, test, generated } = languageKind(language).names;
  if (declaration?.test(path) === true) return 'declaration';
  if (TEST_FOLDER.test(path) || test?.test(path) === true) return 'test';
  if (GENERATED_FOLDER.test(path) || generated?.test(path) === true) return 'generated';
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
  return languageOfPath(path) === language && unwantedBy(path, language) === null;
}

/** Above this a line was not written by hand. */
const LONGEST_WRITTEN_LINE = 1000;
/** In this many characters at its beginning a file says who wrote it. */
const HEAD_CHARACTERS = 1000;
const GENERATED_MARKS: readonly RegExp[] = [
  /@generated\b|<auto-?generated\b/i,
  /\b(auto-?)?generated\b[^\n]*\bdo not (edit|modify)\b/i,
  /\bthis (file|code|module) (is|was|has been) (auto(matically)?[- ]?)?generated\b/i,
  // A line of its own: the generators themselves have the warning inside their code.
  /^\W*DO NOT (EDIT|MODIFY)\b/m,
];

/** Whether a text says that a program wrote it (in its first 1,000 characters) or looks minified. */
export function isMachineWritten(text: string): boolean {
  const head = text.slice(0, HEAD_CHARACTERS);
  if (GENERATED_MARKS.some((mark) => mark.test(head))) return true;
  return text.split('\n').some((line) => line.length > LONGEST_WRITTEN_LINE);
}
