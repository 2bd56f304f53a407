/**
 * @file The terms of a text, in order and with repeats. Retrievers compare texts by them.
 *
 * Lexical terms are words. RepoCoder's terms are ids of Codex' byte pairs; their tokenizer lies in `tokenizer/codex.ts`
 * and is passed in.
 */

export type Term = string | number;

/** The terms of a text. The result must depend on the text alone. */
export type Terms = (text: string) => readonly Term[];

/** Which terms a retrieval profile compares. */
export type TermKind = 'lexical' | 'codex-bpe';
