/** @file What the parts of the benchmark are given and what they give back. */

export interface Bench {
  /** The embedded decoder's folder. */
  readonly decoderDir: string;
  /** An ONNX export of the same decoder, made by optimum; null if there is none. */
  readonly exportDir: string | null;
  /** GGUF files of one real decoder, the first of which llava-eval opens; empty if there are none. */
  readonly ggufFiles: readonly string[];
  /** Address of a vLLM server with the same decoder under the name `m`; null if there is none. */
  readonly vllm: string | null;
  /** A scratch folder. */
  readonly folder: string;
  readonly threads: number;
  readonly rounds: number;
}

export interface Section {
  readonly title: string;
  /** Of the packages that were measured, "name version" each. */
  readonly versions: readonly string[];
  /** Markdown. */
  readonly text: string;
  /** All samples, for the results file. */
  readonly raw: unknown;
}
