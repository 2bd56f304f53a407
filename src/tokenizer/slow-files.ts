/**
 * @file A tokenizer from its older files (`vocab.json`, `merges.txt` and what lies beside them), as a `tokenizer.json`:
 * microsoft/unixcoder-base, for one, has no other.
 *
 * The two files hold the byte pairs and not the rule by which text is cut into words before. That rule belongs to the
 * class of the tokenizer. A class that is not known here is refused, because another rule gives other ids for the
 * same text.
 *
 * Source: Hugging Face transformers, `convert_slow_tokenizer.py` for the stages of each class and
 * `models/auto/tokenization_auto.py` for the class of a model type; GPT-2 for the files.
 */

import { z } from 'zod';

import { ModelError } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { QWEN_SPLIT } from './stages.js';

/** Texts of the files that decide a tokenizer; null for those that are not there. */
export interface SlowFiles {
  readonly vocab: string;
  readonly merges: string;
  /** `tokenizer_config.json`. */
  readonly config: string | null;
  /** `added_tokens.json`. */
  readonly added: string | null;
  /** `special_tokens_map.json`. */
  readonly specials: string | null;
  /** The model's own `config.json`. */
  readonly model: string | null;
}

/** How a class cuts text, and what it puts around one. */
type Rules = 'gpt2' | 'roberta' | 'qwen2';

/** Classes by name, without the "Fast" that some end with. */
const CLASSES: Readonly<Record<string, Rules>> = {
  GPT2Tokenizer: 'gpt2',
  CodeGenTokenizer: 'gpt2',
  RobertaTokenizer: 'roberta',
  BartTokenizer: 'roberta',
  LongformerTokenizer: 'roberta',
  Qwen2Tokenizer: 'qwen2',
};

/** The class of a model type, where no file names one. */
const CLASS_OF_MODEL: Readonly<Record<string, string>> = {
  gpt2: 'GPT2Tokenizer',
  codegen: 'CodeGenTokenizer',
  roberta: 'RobertaTokenizer',
  bart: 'BartTokenizer',
  longformer: 'LongformerTokenizer',
  qwen2: 'Qwen2Tokenizer',
  qwen3: 'Qwen2Tokenizer',
};

/** Their class is GPT-2's, but their published tokenizers also cut numbers into digits, which no class says. */
const SPLITS_DIGITS: ReadonlySet<string> = new Set(['gpt_bigcode', 'starcoder2']);

const id = z.number().int().nonnegative();
const vocabularySchema = z.record(z.string(), id);
const namedToken = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);
const flag = z.boolean().nullish();
const configSchema = z.looseObject({
  tokenizer_class: z.string().nullish(),
  add_prefix_space: flag,
  add_bos_token: flag,
  bos_token: namedToken.nullish(),
  added_tokens_decoder: z
    .record(
      z.string().regex(/^\d+$/),
      z.looseObject({ content: z.string().min(1), special: z.boolean().default(false) }),
    )
    .nullish(),
});
const specialsSchema = z.record(z.string(), z.union([namedToken, z.array(namedToken)]));
const modelSchema = z.looseObject({
  model_type: z.string().nullish(),
  tokenizer_class: z.string().nullish(),
});

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly [field: string]: unknown;
}

/** A tokenizer, and whether files beside the two have a part in it. */
export interface SlowTokenizer {
  /** The content of a `tokenizer.json` that describes the same tokenizer. */
  readonly definition: unknown;
  /** Texts that decide it beside vocabulary and merges. */
  readonly deciding: readonly string[];
}

/**
 * The tokenizer that the files of a folder describe.
 *
 * @param where The vocabulary's path, for messages.
 * @throws {ModelError} If a file is damaged, or if the class of the tokenizer is not known here.
 */
export function tokenizerFromSlowFiles(files: SlowFiles, where: string): SlowTokenizer {
  const vocab = checked(files.vocab, vocabularySchema, where, 'vocab.json') ?? {};
  const config = checked(files.config, configSchema, where, 'tokenizer_config.json') ?? {};
  const rules = rulesOf(
    config.tokenizer_class,
    checked(files.model, modelSchema, where, 'config.json'),
    where,
  );
  const merges = files.merges
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.startsWith('#version'));
  const explicit = explicitTokens(files, config, where);
  const named = new Set(explicit.map(({ content }) => content));
  const added = [...explicit, ...unreachable(vocab, merges).filter(({ content }) => !named.has(content))];
  const ids = new Map([
    ...Object.entries(vocab),
    ...explicit.map(({ content, id }): [string, number] => [content, id]),
  ]);
  const prefixBlank = config.add_prefix_space === true;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: prefixBlank, trim_offsets: true, use_regex: true };
  const bos = config.add_bos_token === true ? (config.bos_token ?? null) : null;
  return {
    definition: {
      version: '1.0',
      added_tokens: added,
      normalizer: rules === 'qwen2' ? { type: 'NFC' } : null,
      pre_tokenizer: rules === 'qwen2' ? qwenStages(prefixBlank) : byteLevel,
      post_processor:
        rules === 'roberta' ? aroundRoberta(ids, prefixBlank) : bos === null ? null : begin(bos),
      decoder: byteLevel,
      model: { type: 'BPE', unk_token: null, vocab, merges },
    },
    deciding:
      rules === 'qwen2' || explicit.length > 0 || prefixBlank || bos !== null
        ? [rules, ...[files.config, files.added, files.specials].map((text) => text ?? '')]
        : [],
  };
}

function rulesOf(
  stated: string | null | undefined,
  model: z.infer<typeof modelSchema> | null,
  where: string,
): Rules {
  const modelType = model?.model_type ?? '';
  const name = stated ?? model?.tokenizer_class ?? CLASS_OF_MODEL[modelType];
  const rules = name === undefined ? undefined : CLASSES[name.replace(/Fast$/, '')];
  const instead =
    'fetch the tokenizer.json of the model, or write one: AutoTokenizer.from_pretrained(dir).save_pretrained(dir)';
  if (SPLITS_DIGITS.has(modelType)) {
    throw new ModelError(
      `${where}: the rule by which this ${modelType} tokenizer cuts numbers is not in these files`,
      ['its published tokenizer.json cuts numbers into digits, which tokenizer_class does not say', instead],
    );
  }
  if (rules !== undefined) return rules;
  throw new ModelError(
    name === undefined
      ? `${where}: nothing says which tokenizer this vocabulary belongs to`
      : `${where}: belongs to a tokenizer whose rules are not known here: tokenizer_class is ${name}`,
    [
      ...(name === undefined
        ? ['tokenizer_config.json has no tokenizer_class, and config.json no model_type that tells']
        : []),
      `known classes: ${Object.keys(CLASSES).join(', ')}`,
      instead,
    ],
  );
}

/** Tokens that the files name beside the vocabulary; those of `tokenizer_config.json` win. */
function explicitTokens(files: SlowFiles, config: z.infer<typeof configSchema>, where: string): AddedToken[] {
  const specials = checked(files.specials, specialsSchema, where, 'special_tokens_map.json') ?? {};
  const special = new Set(Object.values(specials).flat());
  const byContent = new Map<string, AddedToken>();
  for (const [content, id] of Object.entries(
    checked(files.added, vocabularySchema, where, 'added_tokens.json') ?? {},
  )) {
    byContent.set(content, { id, content, special: special.has(content), normalized: false });
  }
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {})) {
    byContent.set(token.content, { ...token, id: Number(id) });
  }
  return [...byContent.values()].sort((a, b) => a.id - b.id);
}

/** A token that is neither a single character nor the result of a merge cannot come from text. */
function unreachable(vocab: Readonly<Record<string, number>>, merges: readonly string[]): AddedToken[] {
  const reachable = new Set(merges.map((merge) => merge.replace(' ', '')));
  return Object.entries(vocab)
    .filter(([token]) => Array.from(token).length > 1 && !reachable.has(token))
    .map(([content, id]) => ({ id, content, special: true, normalized: false }));
}

function qwenStages(prefixBlank: boolean): unknown {
  return {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: QWEN_SPLIT }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: prefixBlank, trim_offsets: true, use_regex: false },
    ],
  };
}

function aroundRoberta(ids: ReadonlyMap<string, number>, prefixBlank: boolean): unknown {
  const pair = (token: string): [string, number] | null => {
    const found = ids.get(token);
    return found === undefined ? null : [token, found];
  };
  const [cls, sep] = [pair('<s>'), pair('</s>')];
  if (cls === null || sep === null) return null;
  return { type: 'RobertaProcessing', cls, sep, trim_offsets: true, add_prefix_space: prefixBlank };
}

function begin(bos: string): unknown {
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  };
}

/** The content of a file beside the vocabulary, checked; null if there is none. */
function checked<S extends z.ZodType>(
  text: string | null,
  schema: S,
  where: string,
  name: string,
): z.infer<S> | null {
  if (text === null) return null;
  const result = schema.safeParse(parsed(text, where, name));
  if (result.success) return result.data;
  const problem = name === 'vocab.json' ? 'not a vocabulary' : `${name} beside it cannot be used`;
  throw new ModelError(`${where}: ${problem}`, z.prettifyError(result.error).split('\n').slice(0, 3));
}

function parsed(text: string, where: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new ModelError(`${where}: ${name === 'vocab.json' ? '' : `${name} beside it is `}not JSON`, [], {
      cause: error,
    });
  }
}
