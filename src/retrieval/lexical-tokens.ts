/**
 * @file Tokens of the lexical retrievers: what NLTK's word tokenizer followed by `\w+` leaves.
 *
 * That is plain Unicode `\w+` except that NLTK cuts English contractions: "don't " gives do, n, t
 * rather than don, t, and a standalone "cannot" gives can, not. Case and underscores are kept;
 * identifiers are not split.
 *
 * The version is NLTK 3.8.1, of the time in which the published scores were made. From 3.9 on, NLTK makes a blank of
 * every run of white space before it looks for contractions, so that "can't" at the end of a line is cut there and
 * not here.
 *
 * Not reproduced: NLTK's sentence splitter, which can only matter for a contraction directly before
 * a full stop in the middle of a text; and an apostrophe between a contraction and a single letter
 * (1 of 3,032 compared texts).
 *
 * Source: CrossCodeEval `prompt_builder/utils.py`, Repoformer `cfc_retrieval/utils.py` (the same
 * function); NLTK 3.8.1 `tokenize/destructive.py` for the rules. Checked against NLTK itself, see
 * test/golden/lexical-tokens.json.
 */

import { wordsOf } from '../domain/text.js';

/** Texts without any of these need no contraction rule. */
const MAY_CONTRACT = /n't|cannot|gimme|gonna|gotta|lemme|wanna|'tis|'twas/i;

/** A blank, and what NLTK has put blanks around before it looks for contractions. Other white space is no blank. */
const APART = String.raw`[ \]\[(){}<>;@#$%&?!*"«»“”‘’„\x60]|--|\.\.|''`;

/** Where a contraction may end. A final full stop is cut off together with closing brackets and quotes. */
const ENDS = String.raw`${APART}|$|'(?=${APART}|$)|[:,](?!\d)|\.[\])}>"'»”’ ]*\s*$`;

const NAME = String.raw`[\p{L}\p{N}_]`;
const NOT = new RegExp(String.raw`([^'\s])(n't|N'T)(?=${ENDS})`, 'gu');
const STANDALONE = new RegExp(
  String.raw`(?<!${NAME})(?:(can)(not)|(gim)(me)|(gon)(na)|(got)(ta)|(lem)(me))(?!${NAME})`,
  'giu',
);
const WANNA = new RegExp(String.raw`(?<!${NAME})(wan)(na)(?=\s|${ENDS})`, 'giu');
const TIS = new RegExp(
  String.raw`(?<=^|${APART}|[:,]|can not|gim me|gon na|got ta|lem me)('t)(is|was)(?!${NAME})`,
  'giu',
);

/**
 * The tokens of a text, in order, repeats kept.
 *
 * @example lexicalTokens("if (!x) don't do_it(größe)") // => ['if', 'x', 'do', 'n', 't', 'do_it', 'größe']
 */
export function lexicalTokens(text: string): string[] {
  const prepared = MAY_CONTRACT.test(text)
    ? text
        .replace(NOT, '$1 $2')
        .replace(STANDALONE, '$1$3$5$7$9 $2$4$6$8$10')
        .replace(WANNA, '$1 $2')
        .replace(TIS, '$1 $2')
    : text;
  return wordsOf(prepared);
}
