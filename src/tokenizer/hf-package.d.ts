/**
 * @file Types of the part of `@huggingface/tokenizers` 0.2.0 that this project uses.
 *
 * The package's own declarations import each other without file extensions, which TypeScript does
 * not resolve for ES modules; this declaration stands in for them.
 */
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    /** @param tokenizer Content of `tokenizer.json`. @param config Content of `tokenizer_config.json`. */
    constructor(tokenizer: object, config: object);
    encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
    /** @param ids At least one. */
    decode(ids: readonly number[], options: { clean_up_tokenization_spaces: boolean }): string;
    id_to_token(id: number): string | undefined;
  }

  export class DigitsPreTokenizer {
    constructor(config: object);
    pre_tokenize_text(text: string): string[];
  }

  export class SplitPreTokenizer {
    constructor(config: object);
    pre_tokenize_text(text: string): string[];
  }
}
