/**
 * @file A real decoder in GGUF files: llava-eval, llama.cpp and vLLM on the same weights.
 *
 * llava-eval opens the first file in several number formats, llama.cpp opens every file as it is. vLLM runs where its user
 * started it, and is measured from the request to the first event of the answer.
 */

import { basename } from 'node:path';

import { decoderTables } from './decoder.js';
import { versionOf } from './install.js';
import { measureDecoders, type DecoderSide } from './measure-decoders.js';
import { codePrompts } from './prompts.js';
import type { Bench, Section } from './section.js';

const LENGTHS = [512, 1024];
const CONTEXT_SIZE = 2048;
/** Such decoders take seconds a prompt. */
const EFFORT = { newTokens: 16, warmUp: 1 };

export async function ggufSection(bench: Bench): Promise<Section> {
  const { ggufFiles, threads, vllm } = bench;
  const [model] = ggufFiles;
  if (model === undefined) throw new Error('the part gguf needs a file: --gguf MODEL.gguf');
  const ours = (dtype: string, suffix = ''): DecoderSide => ({
    name: `llava-eval ${dtype}${suffix}`,
    script: 'ours-decoder',
    setup: { model, threads, dtype },
  });
  const llama = (file: string): DecoderSide => ({
    name: `llama.cpp, ${basename(file)}`,
    script: 'llama-cpp',
    setup: { model: file, threads, contextSize: CONTEXT_SIZE, flashAttention: true, cache: 'F16' },
  });
  const served = (url: string): DecoderSide => ({
    name: 'vLLM',
    script: 'vllm',
    setup: { model: url, threads },
  });
  const sides = [
    ours('int8-dynamic'),
    ours('int8-dynamic', ', again (A/A)'),
    ours('fp32'),
    ours('int4'),
    ...ggufFiles.map(llama),
    ...(vllm === null ? [] : [served(vllm)]),
  ];
  const measured = await measureDecoders(bench, sides, await codePrompts(model, LENGTHS), EFFORT);
  return {
    title: 'A real decoder in GGUF files',
    versions: [
      `llava-eval on ${versionOf('onnxruntime-node', 'project')}`,
      `${versionOf('node-llama-cpp')}, its prebuilt binary for the CPU`,
    ],
    text: decoderTables(measured),
    raw: measured,
  };
}
