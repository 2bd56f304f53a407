/**
 * @file The programming languages: names, file endings and comment marks. Pure facts, one row a language.
 *
 * `datasets/languages/<name>.ts` says how the lines of a language become holes.
 */

/** What everybody may know of a language without a parser. */
export interface LanguageFacts {
  /** For people. */
  readonly title: string;
  /** In lower case, with the dot. No two languages share one. */
  readonly endings: readonly string[];
  /** The mark that makes the rest of a line a comment. */
  readonly comment: '//' | '#';
}

const ROWS = {
  typescript: { title: 'TypeScript', endings: ['.ts', '.tsx', '.mts', '.cts'], comment: '//' },
  javascript: { title: 'JavaScript', endings: ['.js', '.jsx', '.mjs', '.cjs'], comment: '//' },
  python: { title: 'Python', endings: ['.py'], comment: '#' },
  java: { title: 'Java', endings: ['.java'], comment: '//' },
  csharp: { title: 'C#', endings: ['.cs'], comment: '//' },
  go: { title: 'Go', endings: ['.go'], comment: '//' },
  rust: { title: 'Rust', endings: ['.rs'], comment: '//' },
  // One language: a header does not say which of the two it is.
  cpp: {
    title: 'C and C++',
    endings: ['.c', '.h', '.cc', '.cpp', '.cxx', '.hh', '.hpp', '.hxx'],
    comment: '//',
  },
  php: { title: 'PHP', endings: ['.php'], comment: '//' },
  ruby: { title: 'Ruby', endings: ['.rb'], comment: '#' },
} as const satisfies Readonly<Record<string, LanguageFacts>>;

/** Every language that a task may be in. */
export type Language = keyof typeof ROWS;

/** All languages, in the order of the rows above. */
export const LANGUAGES = Object.keys(ROWS) as readonly Language[];

/** The facts of a language. */
export function languageFacts(language: Language): LanguageFacts {
  return ROWS[language];
}

/**
 * The language of a file by its ending, or null.
 *
 * @param path Path with forward slashes.
 * @example languageOfPath('src/Cart.TS') // => 'typescript'
 */
export function languageOfPath(path: string): Language | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  if (dot < 0) return null;
  const ending = name.slice(dot).toLowerCase();
  return LANGUAGES.find((language) => languageFacts(language).endings.includes(ending)) ?? null;
}
