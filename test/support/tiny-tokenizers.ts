/**
 * @file Tokenizer definitions with the stages of real families and a vocabulary of some hundred entries.
 */

const QWEN_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function addedTokens(
  controls: readonly string[],
  first: number,
  special: (name: string) => boolean,
): unknown[] {
  return controls.map((content, i) => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: special(content),
  }));
}

function template(bos: string | null, id: number): unknown {
  if (bos === null) return null;
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
  };
}

/** Byte-level BPE: Qwen, DeepSeek (one split pattern) or StarCoder, SmolLM2 (single digits, GPT-2's pattern). */
export function byteLevelDefinition(options: {
  readonly controls: readonly string[];
  readonly special?: (name: string) => boolean;
  readonly split: 'qwen' | 'digits';
  readonly bos?: string;
}): unknown {
  const { controls, special = () => true, split, bos = null } = options;
  let next = 0x100;
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  const first =
    split === 'qwen'
      ? { type: 'Split', pattern: { Regex: QWEN_PATTERN }, behavior: 'Isolated', invert: false }
      : { type: 'Digits', individual_digits: true };
  return {
    version: '1.0',
    added_tokens: addedTokens(controls, bytes.length + 1, special),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [first, { ...byteLevel, use_regex: split === 'digits' }],
    },
    post_processor: template(bos, bytes.length + 1),
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: 'BPE',
      unk_token: null,
      byte_fallback: false,
      // The controls stand in the vocabulary too, as in SmolLM2's.
      vocab: Object.fromEntries([...bytes, 're', ...controls].map((token, i) => [token, i])),
      merges: ['r e'],
    },
  };
}

/** SentencePiece BPE with bytes to fall back on: Llama (a blank before the text) or Gemma (none). */
export function sentencePieceDefinition(options: {
  readonly controls: readonly string[];
  readonly prefixBlank: boolean;
  readonly bos: string;
}): unknown {
  const { controls, prefixBlank, bos } = options;
  const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const letters = Array.from('▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_=<>|"');
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  return {
    version: '1.0',
    added_tokens: addedTokens(controls, 0, () => true),
    normalizer: prefixBlank
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, replace] }
      : replace,
    pre_tokenizer: null,
    post_processor: template(bos, controls.indexOf(bos)),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixBlank ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(
        [...controls, ...bytes, ...letters, '▁r', 're'].map((token, i) => [token, i]),
      ),
      merges: ['▁ r', 'r e'],
    },
  };
}
