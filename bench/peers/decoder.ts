/**
 * @file The decoder against transformers.js on the same weights: time to first token, time of each further
 * token, largest memory of the process, and whether the tokens are the same.
 *
 * Without `--export` the peer runs the folder of `peer-export.ts`. With it, an ONNX export made by optimum
 * is opened by both sides as well: by transformers.js as it stands, by llava-eval as `--decoder DIR`.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { arrangeExport, writePeerExport } from './peer-export.js';
import { markdownTable } from '../page.js';
import { versionOf } from './install.js';
import { codePrompts } from './prompts.js';
import { measureDecoders, type DecoderSide, type MeasuredDecoders } from './measure-decoders.js';
import type { Bench, Section } from './section.js';
import { figure, megabytes, times } from './table.js';

const OURS = 'llava-eval';
const LENGTHS = [256, 512, 1024, 1536];

export async function decoderSection(bench: Bench): Promise<Section> {
  const { decoderDir, threads, exportDir, folder } = bench;
  const own = join(folder, 'transformers-js');
  writePeerExport(decoderDir, own);
  const ours = (name: string, model: string): DecoderSide => ({
    name,
    script: 'ours-decoder',
    setup: { model, threads },
  });
  const peer = (name: string, model: string): DecoderSide => ({
    name,
    script: 'transformers-js',
    setup: { model, threads },
  });
  const sides = [
    ours(OURS, decoderDir),
    ours(`${OURS}, again (A/A)`, decoderDir),
    peer('transformers.js, our operators', own),
  ];
  if (exportDir !== null) {
    const arranged = join(folder, 'transformers-js-export');
    mkdirSync(arranged, { recursive: true });
    arrangeExport(exportDir, arranged);
    sides.push(peer('transformers.js, optimum', arranged), ours(`${OURS}, the same optimum file`, exportDir));
  }
  const prompts = await codePrompts(decoderDir, LENGTHS);
  const measured = await measureDecoders(bench, sides, prompts);
  return {
    title: 'Decoder against transformers.js',
    versions: [
      `llava-eval on ${versionOf('onnxruntime-node', 'project')}`,
      `${versionOf('@huggingface/transformers')} on ${versionOf('onnxruntime-node')}`,
    ],
    text: decoderTables(measured),
    raw: measured,
  };
}

/** Times by prompt length and side, then what is one figure a process; ratios are the first side's to each. */
export function decoderTables({ rows, processes }: MeasuredDecoders): string {
  const timing = markdownTable([
    ['Prompt', 'Side', 'TTFT ms', 'ours / it', 'ms a token', 'ours / it', 'same tokens'],
    ...rows.map((row) => [
      String(row.promptTokens),
      row.side,
      figure(row.ttftMs),
      times(row.ttftRatio),
      figure(row.tokenMs),
      times(row.tokenRatio),
      `${row.sameTokens}/${row.newTokens}`,
    ]),
  ]);
  const first = processes[0]!.peakBytes;
  const memory = markdownTable([
    ['Side', 'peak MB', 'ours / it', 'opened in ms'],
    ...processes.map(({ side, peakBytes, openMs }) => [
      side,
      megabytes(peakBytes),
      first === peakBytes ? '1' : `${figure(first / peakBytes)}x`,
      figure(openMs),
    ]),
  ]);
  return `${timing}\n\n${memory}`;
}
