/**
 * @file The words that CrossCodeEval does not count as identifiers, by language.
 *
 * Facts of the language specifications with the selection of CrossCodeEval's lists: the literals true
 * and false are left out everywhere, null is in for C# only, and Java has `var`. Its lists repeat words
 * (C#: `using`, `static`); as sets they hold 51, 75, 42 and 33 words.
 *
 * Source: Java Language Specification, 3.9; C# specification, 6.4.4; ECMAScript, 12.7.2; Python 3,
 * `keyword.kwlist`; the selection: CrossCodeEval `scripts/keywords/` (25f9cab7).
 */

import type { Language } from '../domain/task.js';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

const JAVA = words(`
  abstract assert boolean break byte case catch char class const continue default do double else enum
  extends final finally float for goto if implements import instanceof int interface long native new
  package private protected public return short static strictfp super switch synchronized this throw
  throws transient try var void volatile while
`);

const CSHARP = words(`
  abstract as base bool break byte case catch char checked class const continue decimal default delegate
  do double else enum event explicit extern finally fixed float for foreach goto if implicit in int
  interface internal is lock long namespace new null object operator out override params private
  protected public readonly ref return sbyte sealed short sizeof stackalloc static string struct switch
  this throw try typeof uint ulong unchecked unsafe ushort using virtual void volatile while
`);

/** Reserved words of ECMAScript with those of strict mode; without await, async and TypeScript's own. */
const ECMASCRIPT = words(`
  break case catch class const continue debugger default delete do else enum export extends finally for
  function if implements import in instanceof interface let new package private protected public return
  static super switch this throw try typeof var void while with yield
`);

/** Hard keywords without True and False, which therefore count as identifiers; None does not. */
const PYTHON = words(`
  None and as assert async await break class continue def del elif else except finally for from global
  if import in is lambda nonlocal not or pass raise return try while with yield
`);

const KEYWORDS: Readonly<Record<Language, ReadonlySet<string>>> = {
  java: JAVA,
  csharp: CSHARP,
  typescript: ECMASCRIPT,
  // CrossCodeEval has no JavaScript tasks; its list for the language is the same.
  javascript: ECMASCRIPT,
  python: PYTHON,
};

/** The words of a language that are not identifiers. */
export function keywordsOf(language: Language): ReadonlySet<string> {
  return KEYWORDS[language];
}
