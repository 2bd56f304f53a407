/**
 * @file A prompt format that a user writes down: names of control tokens, and the places of the code around the hole.
 *
 * @example '<fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>' // what `--prompt-family mellum` says
 */

import { ModelError, UsageError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import type { DecoderFacts, PromptFormat, PromptPart } from './fim.js';

const PLACE = /\{(prefix|suffix)\}/;

/** What is in a template: pieces of text with names of control tokens, and places, in turn. */
type Piece = { readonly kind: 'names'; readonly text: string } | { readonly kind: 'prefix' | 'suffix' };

/**
 * Takes a template apart.
 *
 * @throws {UsageError} If it has no `{prefix}`, or a place twice.
 */
function piecesOf(template: string): Piece[] {
  const pieces = template.split(PLACE).flatMap((text, i): Piece[] => {
    if (i % 2 === 1) return [{ kind: text === 'prefix' ? 'prefix' : 'suffix' }];
    return text === '' ? [] : [{ kind: 'names', text }];
  });
  const count = (kind: Piece['kind']): number => pieces.filter((piece) => piece.kind === kind).length;
  if (count('prefix') === 1 && count('suffix') <= 1) return pieces;
  throw new UsageError(
    `the prompt template ${template} has ${count('prefix')} {prefix} and ${count('suffix')} {suffix}`,
    [
      'the code before the hole stands at {prefix}, which is there once; the code after it at {suffix}, once or not at all',
      'for example: <fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>',
    ],
  );
}

/**
 * The format that a template describes, in ids of a vocabulary. Nothing is added to it: where a model wants a token at
 * the beginning of a sequence, the template begins with its name.
 *
 * @throws {UsageError} If the template is malformed.
 * @throws {ModelError} If something in it is not a control token of the decoder.
 */
export function templateFormat(
  template: string,
  tokenizer: Tokenizer,
  { vocabularySize, endIds }: DecoderFacts,
): PromptFormat {
  const idOf = (name: string): TokenId | undefined => {
    const id = tokenizer.controlToken(name);
    return id !== undefined && id < vocabularySize ? id : undefined;
  };
  const parts = piecesOf(template).map((piece): PromptPart =>
    piece.kind === 'names' ? { kind: 'markers', ids: controlIds(piece.text, idOf, template) } : piece,
  );
  const markers = parts.flatMap((part) => (part.kind === 'markers' ? part.ids : []));
  return {
    name: template,
    begin: [],
    parts,
    startsWithBlank: tokenizer.startsWithBlank,
    placeholder: markers.at(-1) ?? endIds[0] ?? tokenId(0),
    stop: new Set([...endIds, ...markers]),
  };
}

/** The ids of names that stand side by side; the longest name that fits is taken each time. */
function controlIds(text: string, idOf: (name: string) => TokenId | undefined, template: string): TokenId[] {
  const ids: TokenId[] = [];
  for (let from = 0; from < text.length;) {
    let end = text.length;
    while (end > from && idOf(text.slice(from, end)) === undefined) end--;
    if (end === from) {
      throw new ModelError(
        `the decoder has no control token at "${text.slice(from, from + 20)}" of the prompt template`,
        [
          `the template is ${template}`,
          'between {prefix} and {suffix} it may hold names of control tokens and nothing else, no blanks or newlines either',
        ],
      );
    }
    ids.push(idOf(text.slice(from, end))!);
    from = end;
  }
  return ids;
}
