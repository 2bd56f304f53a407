/**
 * @file Checks a `tokenizer.json` and changes it into what this program needs: a tokenizer of plain text from anywhere
 * in a document.
 *
 * The change takes away the control tokens, since source code may spell one. It also takes away the blank that
 * SentencePiece models put before a text, since a text here is rarely the beginning of a document. Both are kept beside
 * the definition, and prompts put them back as ids where they belong.
 */

import { z } from 'zod';

import { ModelError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Specials } from '../inference/tokenizer.js';

const addedTokenSchema = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string().min(1),
  special: z.boolean().default(false),
});

const stage = z
  .looseObject({ type: z.string() })
  .nullish()
  .transform((value) => value ?? null);

/** A stage that this program passes on as it is; null where the file has none. */
const unused = z
  .unknown()
  .optional()
  .transform((value): unknown => value ?? null);

/** Files from before tokenizers 0.9 lack stages that are not used, and the type of the model. */
const tokenizerSchema = z.looseObject({
  added_tokens: z
    .array(addedTokenSchema)
    .nullish()
    .transform((tokens) => tokens ?? []),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: unused,
  decoder: unused,
  model: z.looseObject({
    type: z.enum(['BPE', 'WordPiece'], 'must be BPE or WordPiece'),
    unk_token: z.string().nullish(),
    // A record schema would copy 150,000 entries and drop a token called __proto__.
    vocab: z.custom<Record<string, number>>(isVocabulary, 'must map tokens to ids'),
  }),
});

export type TokenizerDefinition = z.infer<typeof tokenizerSchema>;

/** A tokenizer of plain text, and what was taken out of its definition. */
export interface PlainDefinition {
  readonly definition: TokenizerDefinition;
  /** Ids of control tokens by name. */
  readonly controls: ReadonlyMap<string, TokenId>;
  readonly specials: Specials;
  /** Whether the tokenizer puts a blank before a text that begins a document. */
  readonly startsWithBlank: boolean;
  /** One more than the highest id. */
  readonly vocabularySize: number;
}

/**
 * Checks a definition and takes out of it what does not stand for text.
 *
 * @param value Content of `tokenizer.json` of any version; owned by this call and changed.
 * @throws {ModelError} If it describes a tokenizer of another kind.
 */
export function plainDefinition(value: unknown, where: string): PlainDefinition {
  const result = tokenizerSchema.safeParse(withModelType(value));
  if (!result.success) {
    throw new ModelError(
      `${where}: not a tokenizer this version can run`,
      z.prettifyError(result.error).split('\n'),
    );
  }
  const full = result.data;
  const { vocab, unk_token: unknown } = full.model;
  const controls = new Map(
    full.added_tokens.filter(isControl).map(({ content, id }) => [content, tokenId(id)]),
  );
  const ids = [...Object.values(vocab), ...full.added_tokens.map(({ id }) => id)];
  // Many vocabularies list their control tokens too. Without an entry there, no text can become a control token.
  for (const name of controls.keys()) if (name !== unknown) Reflect.deleteProperty(vocab, name);
  const normalizer = withoutPrefixBlank(full.normalizer);
  const preTokenizer = withoutPrefixBlank(full.pre_tokenizer);
  return {
    definition: {
      ...full,
      added_tokens: full.added_tokens.filter((token) => !controls.has(token.content)),
      normalizer: normalizer.stage,
      pre_tokenizer: preTokenizer.stage,
      decoder: withoutStrip(full.decoder),
      post_processor: null,
    },
    controls,
    specials: specialsOf(full.post_processor, new Map([...controls, ...vocabularyOf(vocab)])),
    startsWithBlank: normalizer.found || preTokenizer.found,
    vocabularySize: ids.reduce((highest, id) => Math.max(highest, id), -1) + 1,
  };
}

const untypedSchema = z.looseObject({ model: z.looseObject({ type: z.undefined().optional() }) });

/**
 * A definition whose model says its type. Files from before tokenizers 0.9 leave it out; it then follows from the
 * model's fields, as the package of the time told it.
 */
function withModelType(value: unknown): unknown {
  const untyped = untypedSchema.safeParse(value);
  if (!untyped.success) return value;
  const { model } = untyped.data;
  const type = ['vocab', 'merges'].every((field) => field in model)
    ? 'BPE'
    : ['vocab', 'unk_token', 'continuing_subword_prefix', 'max_input_chars_per_word'].every(
          (field) => field in model,
        )
      ? 'WordPiece'
      : null;
  return type === null ? value : { ...untyped.data, model: { ...model, type } };
}

function isVocabulary(value: unknown): boolean {
  const isId = (id: unknown): boolean => typeof id === 'number' && Number.isInteger(id) && id >= 0;
  return typeof value === 'object' && value !== null && Object.values(value).every(isId);
}

function* vocabularyOf(vocab: Readonly<Record<string, number>>): Iterable<[string, TokenId]> {
  for (const [token, id] of Object.entries(vocab)) yield [token, tokenId(id)];
}

/**
 * Whether an added token controls the model and does not stand for text.
 *
 * The `special` flag alone does not say: Qwen2.5-Coder leaves it off for its fill-in-the-middle tokens.
 * Other tokenizers add runs of blanks as plain vocabulary, and Gemma HTML tags such as `<table>`.
 */
export function isControl(token: { readonly content: string; readonly special: boolean }): boolean {
  if (token.special) return true;
  const isMarker = /^▁?[<[].+[>\]]$/su.test(token.content);
  return isMarker && !/^<\/?[a-z][a-z0-9]*>$/.test(token.content);
}

interface Stage {
  readonly type: string;
  readonly [field: string]: unknown;
}
const stageSchema = z.looseObject({ type: z.string() });

/** A normalizer or pre-tokenizer without the part that puts a blank before a text. */
function withoutPrefixBlank(stage: Stage | null): { stage: Stage | null; found: boolean } {
  if (stage === null) return { stage, found: false };
  switch (stage.type) {
    case 'Prepend':
      return { stage: null, found: true };
    case 'Metaspace':
      return {
        stage: { ...stage, prepend_scheme: 'never', add_prefix_space: false },
        found: stage['prepend_scheme'] !== 'never' && stage['add_prefix_space'] !== false,
      };
    case 'ByteLevel':
      return { stage: { ...stage, add_prefix_space: false }, found: stage['add_prefix_space'] === true };
    case 'Sequence': {
      const key = 'normalizers' in stage ? 'normalizers' : 'pretokenizers';
      const parts = z.array(stageSchema).catch([]).parse(stage[key]).map(withoutPrefixBlank);
      const kept = parts.flatMap((part) => part.stage ?? []);
      return {
        stage: kept.length === 0 ? null : { ...stage, [key]: kept },
        found: parts.some(({ found }) => found),
      };
    }
    default:
      return { stage, found: false };
  }
}

/** A decoder that keeps the blank at the beginning, which belongs to a completion. */
function withoutStrip(decoder: unknown): unknown {
  const sequence = z
    .looseObject({ type: z.literal('Sequence'), decoders: z.array(stageSchema) })
    .safeParse(decoder);
  if (sequence.success) {
    const decoders = sequence.data.decoders.filter(({ type }) => type !== 'Strip');
    return { ...sequence.data, decoders };
  }
  const metaspace = z.looseObject({ type: z.literal('Metaspace') }).safeParse(decoder);
  return metaspace.success
    ? { ...metaspace.data, prepend_scheme: 'never', add_prefix_space: false }
    : decoder;
}

const pairSchema = z.tuple([z.string(), z.number().int().nonnegative()]);
const processorSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.enum(['RobertaProcessing', 'BertProcessing']), cls: pairSchema, sep: pairSchema }),
  z.looseObject({
    type: z.literal('TemplateProcessing'),
    single: z.array(
      z.looseObject({
        SpecialToken: z.looseObject({ id: z.string() }).optional(),
        Sequence: z.looseObject({}).optional(),
      }),
    ),
  }),
  z.looseObject({ type: z.literal('Sequence'), processors: z.array(z.unknown()) }),
]);

/** What a post-processor puts around a single text. */
function specialsOf(processor: unknown, ids: ReadonlyMap<string, TokenId>): Specials {
  const none: Specials = { before: [], after: [] };
  const parsed = processorSchema.safeParse(processor);
  if (!parsed.success) return none; // ByteLevel and absent ones add nothing.
  switch (parsed.data.type) {
    case 'RobertaProcessing':
    case 'BertProcessing': {
      const { cls, sep } = parsed.data;
      return { before: [tokenId(cls[1])], after: [tokenId(sep[1])] };
    }
    case 'TemplateProcessing': {
      const { single } = parsed.data;
      const at = single.findIndex(({ Sequence }) => Sequence !== undefined);
      const named = (parts: typeof single): TokenId[] =>
        parts.flatMap(({ SpecialToken }) => ids.get(SpecialToken?.id ?? '') ?? []);
      return { before: named(single.slice(0, at)), after: named(single.slice(at + 1)) };
    }
    case 'Sequence':
      return parsed.data.processors
        .map((part) => specialsOf(part, ids))
        .reduce(
          (all, { before, after }) => ({
            before: [...all.before, ...before],
            after: [...after, ...all.after],
          }),
          none,
        );
  }
}
