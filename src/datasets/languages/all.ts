/**
 * @file Every language. A new one is a row in `domain/languages.ts`, a file beside this one, and a line here.
 */

import type { Language } from '../../domain/languages.js';
import { cpp } from './cpp.js';
import { csharp } from './csharp.js';
import { go } from './go.js';
import { java } from './java.js';
import { javascript } from './javascript.js';
import type { LanguageKind } from './lines/language.js';
import { php } from './php.js';
import { python } from './python.js';
import { ruby } from './ruby.js';
import { rust } from './rust.js';
import { typescript } from './typescript.js';

const KINDS: Readonly<Record<Language, LanguageKind>> = {
  typescript,
  javascript,
  python,
  java,
  csharp,
  go,
  rust,
  cpp,
  php,
  ruby,
};

/** How a language describes itself. */
export function languageKind(language: Language): LanguageKind {
  return KINDS[language];
}
