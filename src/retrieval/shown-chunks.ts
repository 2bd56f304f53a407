/**
 * @file A ranking of chunks to what is shown: which text stands for a match, and how many are looked at.
 *
 * Source: Repoformer `attach_cfc.py`, CrossCodeEval `augment_with_cfc.py`, RepoCoder `build_prompt.py`
 * (`_make_an_extended_block`).
 */

import type { Chunk, Place, ScoredChunk } from '../domain/chunk.js';
import { compareCodePoints, splitLines } from '../domain/text.js';
import type { Corpus } from './corpus/corpus.js';
import type { Asking, ShownRule } from './corpus/rules.js';
import { promptStartLine } from './corpus/prompt-start.js';
import type { RetrievalTask } from './corpus/query.js';
import type { Match } from './corpus/top.js';

/** The best `count` matches of a task, best first; fewer if there are no more. */
export type Ranking = (count: number) => Promise<readonly Match[]>;

/**
 * The chunks to show for a ranking, best first.
 *
 * @param k At most so many.
 */
export async function shownChunks(
  corpus: Corpus,
  task: RetrievalTask,
  asking: Asking,
  ranking: Ranking,
  k: number,
): Promise<ScoredChunk[]> {
  if (k === 0) return [];
  switch (asking.pairing) {
    case 'sorted-apart':
      return sortedApart(corpus, await ranking(corpus.chunks.length)).slice(0, k);
    case 'together':
      break;
  }
  const show = (match: Match): ScoredChunk | null => {
    const chunk = shownFor(corpus, task, match.chunk, asking.shown);
    return chunk === null ? null : { ...chunk, score: match.score };
  };
  switch (asking.selection.kind) {
    case 'best-k': {
      const shown = (await ranking(k)).flatMap((match) => show(match) ?? []);
      return asking.selection.repeats === 'kept' ? shown : withoutRepeats(shown);
    }
    case 'until-k':
      for (let count = k; ; count *= 2) {
        const matches = await ranking(count);
        const shown = withoutRepeats(matches.flatMap((match) => show(match) ?? []));
        if (shown.length >= k || matches.length < count) return shown.slice(0, k);
      }
  }
}

function withoutRepeats(chunks: readonly ScoredChunk[]): ScoredChunk[] {
  const seen = new Set<string>();
  return chunks.filter(({ text }) => !seen.has(text) && seen.add(text));
}

function shownFor(corpus: Corpus, task: RetrievalTask, match: number, rule: ShownRule): Chunk | null {
  switch (rule.kind) {
    case 'match':
      return { ...corpus.chunks[match]!, ...bestPlace(corpus, task, match) };
    case 'next-window':
      return corpus.chunks[corpus.next[match]!]!;
    case 'moved-on':
      for (const place of corpus.places(match)) {
        const moved = movedOn(corpus, task, place, rule.lines);
        if (moved !== null) return moved;
      }
      return null;
  }
}

/** A place that is not behind the prompt's start in the target file; a candidate has at least one. */
function bestPlace(corpus: Corpus, task: RetrievalTask, chunk: number): Place {
  const places = corpus.places(chunk);
  if (places.length === 1) return places[0]!;
  const start = promptStartLine(corpus.file(task.path)?.text ?? '', task);
  return places.find((place) => place.path !== task.path || place.endLine <= start) ?? places[0]!;
}

/** A full window that ends `by` lines after a place does, or null if it reaches the hole of the task. */
function movedOn(corpus: Corpus, task: RetrievalTask, place: Place, by: number): Chunk | null {
  const lines = splitLines(corpus.file(place.path)!.text);
  const end = Math.min(place.endLine + by, lines.length);
  const start = Math.max(0, end - corpus.profile.windows.lines);
  if (place.path === task.path && end >= holeLine(corpus, task)) return null;
  return {
    path: place.path,
    startLine: start + 1,
    endLine: end,
    text: lines.slice(start, end).join('\n'),
  };
}

/** Lines of the target file before the hole's line. */
function holeLine(corpus: Corpus, task: RetrievalTask): number {
  if (task.lines !== undefined) return task.lines.hole;
  const start = promptStartLine(corpus.file(task.path)?.text ?? '', task);
  return start + splitLines(`${task.prefix}|`).length - 1;
}

/**
 * Texts by (score, text) and paths by (score, id), each sorted for itself and then put side by side: as
 * long as no two scores are equal, that is the ranking; among equals, names and texts may not belong
 * together. Lines are those of the text.
 */
function sortedApart(corpus: Corpus, matches: readonly Match[]): ScoredChunk[] {
  const byText = [...matches].sort(
    (a, b) =>
      b.score - a.score || compareCodePoints(corpus.chunks[b.chunk]!.text, corpus.chunks[a.chunk]!.text),
  );
  return byText.map(({ chunk, score }, i) => ({
    ...corpus.chunks[chunk]!,
    path: corpus.chunks[matches[i]!.chunk]!.path,
    score,
  }));
}
