/**
 * @file What a language is to the rest of the program: which of its files count, and which of its lines may
 * become holes.
 *
 * Each language is one file in `datasets/languages/`, and `datasets/languages/all.ts` lists them. Names, file
 * endings and comment marks are in `domain/languages.ts`, since prompts and metrics need them too.
 */

import type { Language } from '../../../domain/languages.js';
import type { SourceFile } from '../../../domain/task.js';

/** A line that may become a hole. */
export interface CandidateLine {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** The line without its indentation. */
  readonly text: string;
  /** Whether an identifier on the line is declared in another file of the repository. */
  readonly crossFile: boolean;
}

/** The files of one language in one repository, and a way to its settings. */
export interface Project {
  /** Absolute path of the repository's folder, with forward slashes and none at its end. */
  readonly root: string;
  /** Texts with "\n" line ends, paths relative to the root. */
  readonly files: readonly SourceFile[];
  /**
   * The text of a settings file, such as `package.json`; null where there is none or it cannot be read.
   *
   * @param path Absolute, with forward slashes. It may lie outside the root, as an inherited setting does.
   */
  readonly read: (path: string) => string | null;
}

/** What was found in a project. */
export interface FoundLines {
  /** File by file in the project's order, each from top to bottom. */
  readonly candidates: readonly CandidateLine[];
  /** Paths of the files with a syntax error. They give no line, or none where the error is. */
  readonly unparsed: readonly string[];
}

/** Finds candidate lines. It may hold a parser, so it is loaded only where it is needed. */
export interface LineFinder {
  /** Moves whenever the rules change, because then the holes change. */
  readonly version: number;
  find(project: Project): FoundLines;
}

/** Names of files that do not count as source of a language, by path. */
export interface NamePatterns {
  /** Test files. Folders of tests are the same in all languages. */
  readonly test?: RegExp;
  /** Files that a program writes. */
  readonly generated?: RegExp;
  /** Files that only declare what is written elsewhere. */
  readonly declaration?: RegExp;
}

/** A language, as its file describes it. */
export interface LanguageKind {
  readonly name: Language;
  readonly names: NamePatterns;
  /** Loads what finds candidate lines. */
  load(): Promise<LineFinder>;
}
