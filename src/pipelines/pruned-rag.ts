/**
 * @file `pruned-rag`: the lines of the retrieved chunks that make the code before the hole least surprising to the
 * decoder.
 *
 * The decoder reads one line alone, then the last tokens before the hole. A line is worth the nats by which it lowers
 * their -log p, against reading a line break. The most valuable lines are kept as long as they fit whole, and they are
 * shown in the order of their files, the file of the best chunk first. The calls of the decoder are a stage of the cold
 * time. The text has the length of the soft tokens of `compressed`, or what `--compression-ratio` says.
 *
 * Source: the fine stage of LongCodeZip (arXiv:2510.00446), which ranks blocks of a function by perplexity. Here a block
 * is a line, since chunks are windows of ten lines.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { nonBlankLines, strip } from '../domain/text.js';
import type { TokenId } from '../domain/units.js';
import { partsPipeline, type PartTools } from './parts.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

/** Tokens before the hole whose likelihood is asked for. */
const JUDGED_TOKENS = 32;

/** A line of a retrieved chunk. */
interface Line {
  readonly text: string;
  readonly ids: readonly TokenId[];
  /** Where it stands among all: file by file, the file of the best chunk first. */
  readonly place: number;
}

export function prunedRagPipeline(resources: PipelineResources): Pipeline {
  const { begin } = resources.setting.format;
  return partsPipeline('pruned-rag', resources, async (_task, chunks, tools) => {
    const judged = tools.inFile.left.slice(-JUDGED_TOKENS);
    const lines = linesOf(chunks, tools);
    if (lines.length === 0 || judged.length === 0) return [];
    const without = await tools.nats([...begin, ...tools.encode('\n')], judged);
    const worth = new Map<Line, number>();
    for (const line of lines) {
      worth.set(line, without - (await tools.nats([...begin, ...line.ids], judged)));
    }
    const ranked = [...lines].sort((a, b) => worth.get(b)! - worth.get(a)! || a.place - b.place);
    const kept = fitting(ranked, tools.budgetTokens);
    const ids = kept.sort((a, b) => a.place - b.place).flatMap((line) => line.ids);
    return [{ kind: 'ids', ids }];
  });
}

/** Each line of a file once, without its indentation, which costs tokens and says nothing of a line alone. */
function linesOf(chunks: readonly RetrievedChunk[], tools: PartTools): Line[] {
  const files = [...new Set(chunks.map(({ path }) => path))];
  const inFileOrder = files.flatMap((path) =>
    chunks
      .filter((chunk) => chunk.path === path)
      .sort((a, b) => (a.startLine ?? 0) - (b.startLine ?? 0))
      .flatMap(({ text }) => nonBlankLines(text).map(strip)),
  );
  return [...new Set(inFileOrder)].map((text, place) => ({
    ...{ text, place },
    ids: tools.encode(`${text}\n`),
  }));
}

/** The lines that fit, best first; the beginning of the best one where no line does. */
function fitting(ranked: readonly Line[], budget: number): Line[] {
  const kept: Line[] = [];
  let left = budget;
  for (const line of ranked) {
    if (line.ids.length > left) continue;
    kept.push(line);
    left -= line.ids.length;
  }
  return kept.length === 0 ? ranked.slice(0, 1) : kept;
}
