/**
 * @file The little of the peers' packages that the benchmark calls. They are installed by the benchmark
 * alone, so their own types are not there when the project is checked.
 */

declare module '@huggingface/transformers' {
  export const env: { version: string; allowRemoteModels: boolean; localModelPath: string };
  interface Tensor {
    readonly dims: readonly number[];
  }
  export const Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => Tensor;
  interface CausalModel {
    generate(options: {
      readonly inputs: Tensor;
      readonly attention_mask: Tensor;
      readonly max_new_tokens: number;
      readonly do_sample: false;
      readonly streamer: { put(tokens: bigint[][]): void; end(): void };
    }): Promise<unknown>;
    dispose(): Promise<unknown>;
  }
  export const AutoModelForCausalLM: {
    from_pretrained(
      folder: string,
      options: {
        readonly dtype: string;
        readonly device: string;
        readonly session_options: Readonly<Record<string, unknown>>;
      },
    ): Promise<CausalModel>;
  };
}

declare module 'node-llama-cpp' {
  interface Sequence {
    evaluate(
      tokens: readonly number[],
      options: { readonly temperature: number; readonly yieldEogToken: boolean },
    ): AsyncGenerator<number>;
    clearHistory(): Promise<void>;
  }
  interface Context {
    getSequence(): Sequence;
    dispose(): Promise<void>;
  }
  interface Model {
    createContext(options: {
      readonly contextSize: number;
      readonly batchSize: number;
      readonly threads: number;
      readonly flashAttention: boolean;
      readonly experimentalKvCacheKeyType: 'F32' | 'F16';
      readonly experimentalKvCacheValueType: 'F32' | 'F16';
    }): Promise<Context>;
  }
  interface Llama {
    readonly llamaCppRelease: { readonly release: string };
    readonly systemInfo: string;
    loadModel(options: { readonly modelPath: string }): Promise<Model>;
    dispose(): Promise<void>;
  }
  export function getLlama(options: {
    readonly build: 'never';
    readonly gpu: false;
    readonly maxThreads: number;
    readonly logLevel: 'error';
  }): Promise<Llama>;
}

declare module 'minisearch' {
  export default class MiniSearch {
    constructor(options: {
      readonly fields: readonly string[];
      readonly tokenize: (text: string) => string[];
      readonly processTerm: (term: string) => string;
      readonly searchOptions: {
        readonly bm25: { readonly k: number; readonly b: number; readonly d: number };
      };
    });
    addAll(documents: readonly { readonly id: number; readonly text: string }[]): void;
    search(query: string): { readonly id: number; readonly score: number }[];
  }
}

declare module 'wink-bm25-text-search' {
  interface Engine {
    defineConfig(config: {
      readonly fldWeights: Readonly<Record<string, number>>;
      readonly bm25Params: { readonly k1: number; readonly b: number; readonly k: number };
    }): void;
    definePrepTasks(tasks: readonly ((text: string) => string[])[]): void;
    addDoc(document: Readonly<Record<string, string>>, id: number): void;
    consolidate(precision: number): void;
    search(text: string, limit: number): [id: string, score: number][];
  }
  export default function bm25(): Engine;
}

declare module 'okapibm25' {
  const module: {
    default(
      documents: readonly string[],
      keywords: readonly string[],
      constants: { readonly k1: number; readonly b: number },
    ): number[];
  };
  export default module;
}

declare module 'fuzzball' {
  export function ratio(a: string, b: string, options: { readonly full_process: boolean }): number;
}

declare module 'fastest-levenshtein' {
  export function distance(a: string, b: string): number;
}
