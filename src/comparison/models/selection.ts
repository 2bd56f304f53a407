/**
 * @file Which models a run uses, as its user names them.
 */

import type { DeviceRequest, Dtype } from '../../inference/device.js';
import type { EncoderInput } from '../../prompt/encoder-input.js';
import type { PromptFamily } from '../../prompt/fim.js';

/** Each model is a reference as `hub/reference.ts` describes them; undefined takes the bundle's. */
export interface ModelSelection {
  readonly bundle: string;
  readonly decoder: string | undefined;
  /** Files of a decoder that a server runs; as for `decoder`. */
  readonly decoderFiles: string | undefined;
  /** Whether a server that remembers prompts will do. */
  readonly allowsPrefixCache: boolean;
  readonly encoder: string | undefined;
  readonly projector: string | undefined;
  /** A tuned constant prompt in the prompts of all pipelines but the plain base. */
  readonly softPrompt: string | undefined;
  readonly retrieverEncoder: string | undefined;
  /** Folder or hub id of the tokenizer that is used instead of the decoder's own. */
  readonly tokenizer: string | undefined;
  /** How the decoder is prompted; recognized if undefined. */
  readonly promptFamily: PromptFamily | undefined;
  /** The same written down, see `prompt/template.ts`; never together with a family. */
  readonly promptTemplate: string | undefined;
  /** What the encoder reads of a chunk; found out if undefined. */
  readonly encoderInput: EncoderInput | undefined;
}

/** What the configurations of a run need beside the decoder. */
export interface ModelNeeds {
  /** Whether any configuration has soft tokens. */
  readonly compression: boolean;
  /** Whether any configuration has the prompt length of one with soft tokens. */
  readonly softLength: boolean;
  /** Whether any configuration ranks by vectors. */
  readonly embedder: boolean;
}

/** On what the models run, and how. */
export interface DeviceSelection {
  readonly device: DeviceRequest;
  readonly dtype: Dtype;
  readonly threads: number;
  /** Whether a decoder that runs elsewhere, if only in part, is refused. */
  readonly isRequired: boolean;
}
