/**
 * @file The decoder against llama.cpp, text only, on the same weights as GGUF.
 *
 * The cache of llama.cpp holds half precision unless told otherwise; one side keeps it in single precision,
 * as llava-eval's fp32 does, the others are as its users have them.
 */

import { join } from 'node:path';

import { decoderTables } from './decoder.js';
import { versionOf } from './install.js';
import { writeGguf, type GgufType } from './gguf.js';
import { measureDecoders, type DecoderSide } from './measure-decoders.js';
import { codePrompts } from './prompts.js';
import type { Bench, Section } from './section.js';

const LENGTHS = [256, 512, 1024, 1536];
const CONTEXT_SIZE = 2048;

export async function llamaSection(bench: Bench): Promise<Section> {
  const { decoderDir, folder, threads } = bench;
  const gguf = (type: GgufType): string => join(folder, `nano-${type}.gguf`);
  for (const type of ['F32', 'F16'] as const) writeGguf(decoderDir, type, gguf(type));
  const llama = (type: GgufType, flashAttention: boolean, cache: GgufType): DecoderSide => ({
    name: `llama.cpp ${type}${flashAttention ? ', flash attention' : ''}, cache ${cache}`,
    script: 'llama-cpp',
    setup: { model: gguf(type), threads, contextSize: CONTEXT_SIZE, flashAttention, cache },
  });
  const ours: DecoderSide = {
    name: 'llava-eval fp32',
    script: 'ours-decoder',
    setup: { model: decoderDir, threads },
  };
  const sides = [
    ours,
    { ...ours, name: 'llava-eval fp32, again (A/A)' },
    llama('F32', false, 'F32'),
    llama('F32', true, 'F16'),
    llama('F16', true, 'F16'),
  ];
  const measured = await measureDecoders(bench, sides, await codePrompts(decoderDir, LENGTHS));
  return {
    title: 'Decoder against llama.cpp',
    versions: [
      `llava-eval on ${versionOf('onnxruntime-node', 'project')}`,
      `${versionOf('node-llama-cpp')}, its prebuilt binary for the CPU`,
    ],
    text: decoderTables(measured),
    raw: measured,
  };
}
