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

import type { Language } from '../domain/languages.js';

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

// CrossCodeEval has none of the languages below. Their words are those of their specifications, selected as its
// lists are: without the literals true and false.

/** Go specification, "Keywords". */
const GO = words(`
  break case chan const continue default defer else fallthrough for func go goto if import interface map
  package range return select struct switch type var
`);

/** Rust Reference, "Keywords": strict ones, and those reserved. */
const RUST = words(`
  abstract as async await become box break const continue crate do dyn else enum extern final fn for if
  impl in let loop macro match mod move mut override priv pub ref return self Self static struct super
  trait try type typeof unsafe unsized use virtual where while yield
`);

/** C 11, 6.4.1, and C++ 20, 5.11, without the spelled-out operators. */
const CPP = words(`
  alignas alignof asm auto bool break case catch char char16_t char32_t char8_t class co_await co_return
  co_yield concept const const_cast consteval constexpr constinit continue decltype default delete do
  double dynamic_cast else enum explicit export extern float for friend goto if inline int long mutable
  namespace new noexcept nullptr operator private protected public register reinterpret_cast requires
  restrict return short signed sizeof static static_assert static_cast struct switch template this
  thread_local throw try typedef typeid typename union unsigned using virtual void volatile wchar_t while
  _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
`);

/** PHP manual, "List of Keywords". */
const PHP = words(`
  abstract and array as break callable case catch class clone const continue declare default die do echo
  else elseif empty enddeclare endfor endforeach endif endswitch endwhile eval exit extends final finally
  fn for foreach function global goto if implements include include_once instanceof insteadof interface
  isset list match namespace new or print private protected public readonly require require_once return
  static switch throw trait try unset use var while xor yield
`);

/** Ruby documentation, "Keywords". */
const RUBY = words(`
  BEGIN END alias and begin break case class def defined do else elsif end ensure for if in module next nil
  not or redo rescue retry return self super then undef unless until when while yield
`);

const KEYWORDS: Readonly<Record<Language, ReadonlySet<string>>> = {
  java: JAVA,
  csharp: CSHARP,
  typescript: ECMASCRIPT,
  // CrossCodeEval has no JavaScript tasks; its list for the language is the same.
  javascript: ECMASCRIPT,
  python: PYTHON,
  go: GO,
  rust: RUST,
  cpp: CPP,
  php: PHP,
  ruby: RUBY,
};

/** The words of a language that are not identifiers. */
export function keywordsOf(language: Language): ReadonlySet<string> {
  return KEYWORDS[language];
}
