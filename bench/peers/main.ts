/**
 * @file llava-eval beside the packages one would otherwise use, each in a process of its own.
 *
 *     npm run bench:peers                                all parts
 *     npm run bench:peers -- retrieval scoring           some of: decoder, retrieval, scoring, llama.cpp
 *     npm run bench:peers -- decoder --export DIR        also an ONNX export of the same decoder, see
 *                                                        make-export.py
 *     npm run bench:peers -- gguf --gguf Q4_K_M.gguf --gguf Q8_0.gguf --vllm http://127.0.0.1:8000
 *                                                        a real decoder, see make-q8.py; vLLM serves it as `m`
 *     npm run bench:peers -- --rounds 15 --write         more rounds; tables into docs/performance.md
 *
 * The peers are installed into `bench/peers/node_modules` by the first run. Tables go to standard output,
 * samples to `results/bench-peers/`.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { defaultThreads } from '../../src/model/ort/threads.js';
import { measuredOn, writeBlock } from '../page.js';
import { decoderSection } from './decoder.js';
import { ggufSection } from './gguf-decoder.js';
import { installPeers } from './install.js';
import { llamaSection } from './llama.js';
import { retrievalSection } from './retrieval.js';
import { scoringSection } from './scoring.js';
import type { Bench, Section } from './section.js';
import { PROJECT } from './side.js';

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<Section>>> = {
  decoder: decoderSection,
  retrieval: retrievalSection,
  scoring: scoringSection,
  'llama.cpp': llamaSection,
  gguf: ggufSection,
};
/** Needs files that the benchmark cannot make. */
const NEEDS_FILES = 'gguf';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    export: { type: 'string' },
    gguf: { type: 'string', multiple: true, default: [] },
    vllm: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
});
const all = Object.keys(PARTS).filter((part) => part !== NEEDS_FILES || values.gguf.length > 0);
const parts = positionals.length > 0 ? positionals : all;
for (const part of parts) {
  if (!(part in PARTS))
    throw new Error(`there is no part ${part}; there are ${Object.keys(PARTS).join(', ')}`);
}

installPeers();
const folder = mkdtempSync(join(tmpdir(), 'llava-eval-peers-'));
const results = join(PROJECT, 'results', 'bench-peers');
mkdirSync(results, { recursive: true });
try {
  const bench: Bench = {
    decoderDir: join(PROJECT, 'models', 'llavacode-nano', 'decoder'),
    exportDir: values.export === undefined ? null : resolve(values.export),
    ggufFiles: values.gguf.map((file) => resolve(file)),
    vllm: values.vllm ?? null,
    folder,
    threads: defaultThreads(),
    rounds: Number(values.rounds),
  };
  for (const part of parts) {
    const { title, text, versions, raw } = await PARTS[part]!(bench);
    const more = [...versions, `medians of ${bench.rounds} rounds`];
    writeFileSync(
      join(results, `${part}.json`),
      JSON.stringify({ measuredOn: measuredOn(more), raw }, null, 1),
    );
    process.stdout.write(`### ${title}\n\n${measuredOn(more)}.\n\n${text}\n\n`);
    if (values.write) writeBlock(`peers-${part}`, text, more);
  }
} finally {
  rmSync(folder, { recursive: true });
}
