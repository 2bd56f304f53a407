/**
 * @file What texts are compared by: the terms of a text, in order, repeats kept.
 *
 * The lexical terms are words; those of RepoCoder are ids of Codex' byte pairs, whose tokenizer lives
 * at the edge (`tokenizer/codex.ts`) and is handed in.
 */

export type Term = string | number;

/** The terms of a text. Must depend on the text alone. */
export type Terms = (text: string) => readonly Term[];

/** Which terms a retrieval profile compares. */
export type TermKind = 'lexical' | 'codex-bpe';
