/**
 * @file The published retrieval protocols written a second time, from their description and with nothing
 * of `src`: whole texts instead of indexes, maps instead of typed arrays, full sorts instead of heaps.
 *
 * Only for tests. It is quadratic where that is simpler.
 */

export interface SlowFile {
  readonly path: string;
  readonly text: string;
}

export interface SlowTask {
  readonly path: string;
  readonly prefix: string;
  readonly reference: string;
  readonly suffix: string;
}

export interface SlowChunk {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
  readonly score: number;
}

export type SlowScorer = (query: readonly unknown[], documents: readonly (readonly unknown[])[]) => number[];

const WHITE = ' \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000';

function isWhite(character: string): boolean {
  return WHITE.includes(character) || (character >= '\u2000' && character <= '\u200a');
}

/** Not only white space. */
function holdsText(line: string): boolean {
  return Array.from(line).some((character) => !isWhite(character));
}

/** Negative if a comes first in the order of code points. */
export function byCodePoint(a: string, b: string): number {
  const x = Array.from(a, (character) => character.codePointAt(0)!);
  const y = Array.from(b, (character) => character.codePointAt(0)!);
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

/**
 * Words as NLTK's word tokenizer and then `\w+` find them: the steps of NLTK 3.8.1 in their order, as
 * far as they move spaces between letters. The sentence splitter is left out.
 */
export function slowWords(text: string): string[] {
  let padded = text;
  const pad = (pattern: RegExp): void => {
    padded = padded.replace(pattern, ' $& ');
  };
  pad(/[«“‘„]|`+/g);
  padded = padded.replace(/^"/, '``');
  pad(/``/g);
  padded = padded.replace(/([ ([{<])("|'')/g, '$1 `` ');
  padded = padded.replace(/'(?!re|ve|ll|m|t|s|d|n)([\p{L}\p{N}_])(?![\p{L}\p{N}_])/giu, "' $1");
  const cutFinalStop = (): void => {
    const tail = /([^.])\.([\])}>"'»”’ ]*)\s*$/u.exec(padded);
    if (tail !== null) padded = `${padded.slice(0, tail.index)}${tail[1]!} . ${tail[2]!} `;
  };
  cutFinalStop();
  padded = padded.replace(/[:,](?=\P{Nd})/gu, ' $& ').replace(/[:,]$/, ' $& ');
  pad(/\.{2,}/g);
  pad(/[;@#$%&]/g);
  cutFinalStop();
  pad(/[?!]/g);
  padded = padded.replace(/([^'])' /g, "$1 ' ");
  pad(/\*/g);
  pad(/[\][(){}<>]/g);
  pad(/--/g);
  padded = ` ${padded} `;
  pad(/[»”’]/g);
  pad(/''/g);
  padded = padded.replaceAll('"', " '' ");
  padded = padded.replace(/([^' ])('[sS]|'[mM]|'[dD]|') /g, '$1 $2 ');
  padded = padded.replace(/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /g, '$1 $2 ');
  for (const [first, second] of [
    ['can', 'not'],
    ['d', "'ye"],
    ['gim', 'me'],
    ['gon', 'na'],
    ['got', 'ta'],
    ['lem', 'me'],
    ['more', "'n"],
  ]) {
    padded = padded.replace(
      new RegExp(`(?<![\\p{L}\\p{N}_])(${first!})(${second!})(?![\\p{L}\\p{N}_])`, 'giu'),
      ' $1 $2 ',
    );
  }
  padded = padded.replace(/(?<![\p{L}\p{N}_])(wan)(na)(?=\s)/giu, ' $1 $2 ');
  padded = padded.replace(/ ('t)(is|was)(?![\p{L}\p{N}_])/giu, ' $1 $2 ');
  return padded
    .split(/\s+/)
    .flatMap((piece) => Array.from(piece.matchAll(/[\p{L}\p{N}_]+/gu), ([word]) => word));
}

export const slowJaccard: SlowScorer = (query, documents) =>
  documents.map((document) => {
    const a = new Set(query);
    const b = new Set(document);
    const both = [...a].filter((term) => b.has(term)).length;
    const either = new Set([...a, ...b]).size;
    return either === 0 ? 0 : both / either;
  });

/** BM25Okapi of rank_bm25, k1 = 1.5, b = 0.75, epsilon = 0.25. */
export const slowBm25: SlowScorer = (query, documents) => {
  const holders = new Map<unknown, number>();
  for (const document of documents) {
    for (const term of new Set(document)) holders.set(term, (holders.get(term) ?? 0) + 1);
  }
  const n = documents.length;
  const raw = new Map(
    [...holders].map(([term, held]) => [term, Math.log(n - held + 0.5) - Math.log(held + 0.5)]),
  );
  const floor = (0.25 * [...raw.values()].reduce((sum, value) => sum + value, 0)) / raw.size;
  const average = documents.reduce((sum, document) => sum + document.length, 0) / n;
  return documents.map((document) => {
    const counts = new Map<unknown, number>();
    for (const term of document) counts.set(term, (counts.get(term) ?? 0) + 1);
    let score = 0;
    for (const term of query) {
      const idf = raw.get(term) ?? 0;
      const f = counts.get(term) ?? 0;
      score +=
        (idf < 0 ? floor : idf) * ((f * 2.5) / (f + 1.5 * (1 - 0.75 + (0.75 * document.length) / average)));
    }
    return score;
  });
};

export interface SlowSetting {
  readonly profile: 'repoformer' | 'cceval';
  readonly query: 'last-n' | 'two-sided' | 'oracle';
  readonly scorer: SlowScorer;
  readonly k: number;
  readonly words?: (text: string) => readonly string[];
  /** With texts and ids sorted apart. */
  readonly isStrict?: boolean;
}

/** Separators below the deepest folder that both paths share. */
function slowDistance(a: string, b: string): number {
  const folders = a.split('/').slice(0, -1);
  let shared = '';
  for (const folder of folders) {
    const longer = `${shared}${folder}/`;
    if (!b.startsWith(longer)) break;
    shared = longer;
  }
  return [a, b].reduce((sum, path) => sum + path.slice(shared.length).split('/').length - 1, 0);
}

/** Repoformer's and CrossCodeEval's retrieval: best chunk first. */
export function slowRetrieve(files: readonly SlowFile[], task: SlowTask, setting: SlowSetting): SlowChunk[] {
  const words = setting.words ?? slowWords;
  const stride = setting.profile === 'repoformer' ? 5 : 10;
  const readable = (path: string): boolean =>
    setting.profile === 'repoformer' || !path.endsWith('ts') || path.startsWith('src/');
  const others = files
    .filter(({ path }) => path !== task.path && readable(path))
    .map((file) => ({ file, distance: slowDistance(file.path, task.path) }))
    .filter(({ distance }) => distance <= 100);
  others.sort((a, b) => a.distance - b.distance || byCodePoint(a.file.path, b.file.path));

  const all: { path: string; k: number; startLine: number; endLine: number; text: string }[] = [];
  for (const { file } of others.slice(0, 1000)) {
    const lines = file.text
      .split('\n')
      .map((text, i) => ({ text, number: i + 1 }))
      .filter(({ text }) => holdsText(text));
    let k = 0;
    for (let at = 0; at < lines.length; at += stride) {
      const window = lines.slice(at, at + 10);
      const text = window.map((line) => line.text).join('\n');
      if (words(text).length === 0) continue;
      all.push({ path: file.path, k, startLine: window[0]!.number, endLine: window.at(-1)!.number, text });
      k++;
    }
  }
  const candidates = all.slice(0, 1000);
  if (candidates.length === 0) return [];

  const before = task.prefix.split('\n').filter(holdsText);
  const answer = task.reference.split('\n').filter(holdsText);
  const after = task.suffix.split('\n').filter(holdsText);
  const query = {
    'last-n': before.slice(-10),
    'two-sided': [...before.slice(-5), ...after.slice(0, 5)],
    oracle: [...before, ...answer].slice(-10),
  }[setting.query].join('\n');
  const scores = setting.scorer(
    words(query),
    candidates.map(({ text }) => words(text)),
  );
  const scored = candidates.map((chunk, i) => ({ ...chunk, score: scores[i]! }));
  const id = ({ path, k }: { path: string; k: number }): string => `${path}|${k}`;
  const byId = [...scored].sort((a, b) => b.score - a.score || byCodePoint(id(b), id(a)));
  const bare = ({ path, startLine, endLine, text, score }: SlowChunk): SlowChunk => ({
    path,
    startLine,
    endLine,
    text,
    score,
  });

  if (setting.query !== 'last-n') {
    if (setting.isStrict !== true) return byId.slice(0, setting.k).map(bare);
    const byText = [...scored].sort((a, b) => b.score - a.score || byCodePoint(b.text, a.text));
    return byText.slice(0, setting.k).map((chunk, i) => bare({ ...chunk, path: byId[i]!.path }));
  }
  const shown: SlowChunk[] = [];
  for (const [i, match] of byId.entries()) {
    if (setting.profile === 'repoformer' ? i === setting.k : shown.length === setting.k) break;
    const next = all.find((chunk) => chunk.path === match.path && chunk.k === match.k + 1) ?? match;
    if (!shown.some(({ text }) => text === next.text)) shown.push(bare({ ...next, score: match.score }));
  }
  return shown;
}

/** Python's `splitlines`. */
export function slowSplitLines(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  let isOpen = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if ('\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029'.includes(character)) {
      if (character === '\r' && text[i + 1] === '\n') i++;
      lines.push(line);
      line = '';
      isOpen = false;
    } else {
      line += character;
      isOpen = true;
    }
  }
  return isOpen ? [...lines, line] : lines;
}

/** RepoCoder's hole: line numbers from 0, as its records have them. */
export interface SlowHole {
  readonly path: string;
  readonly contextStart: number;
  readonly line: number;
}

/** Which lines ask, and whether the window that matched is shown or one that ends 10 lines further on. */
export interface SlowRound {
  readonly asks: 'before' | 'around';
  readonly shows: 'match' | 'moved';
}

/** RepoCoder's first round: best window first. */
export function slowRepocoder(
  files: readonly SlowFile[],
  hole: SlowHole,
  { asks, shows }: SlowRound,
  terms: (text: string) => readonly unknown[],
  scorer: SlowScorer,
  k: number,
): SlowChunk[] {
  const sorted = [...files].sort((a, b) => byCodePoint(a.path, b.path));
  const linesOf = new Map(sorted.map(({ path, text }) => [path, slowSplitLines(text)]));
  const windows: { text: string; origins: { path: string; start: number; end: number }[] }[] = [];
  for (const [path, lines] of linesOf) {
    for (let i = 0; i < lines.length; i += 10) {
      const start = Math.max(0, i - 10);
      const end = Math.min(lines.length, i + 10);
      const text = lines.slice(start, end).join('\n');
      const same = windows.find((window) => window.text === text);
      if (same === undefined) windows.push({ text, origins: [{ path, start, end }] });
      else same.origins.push({ path, start, end });
    }
  }
  const target = linesOf.get(hole.path) ?? [];
  const query =
    asks === 'before'
      ? target.slice(Math.max(hole.contextStart, hole.line - 20), hole.line)
      : target.slice(Math.max(hole.contextStart, hole.line - 10), hole.line + 10);
  const isFine = ({ path, end }: { path: string; end: number }): boolean =>
    path !== hole.path || end <= hole.contextStart;
  const kept = windows.filter(({ origins }) => origins.some(isFine));
  const scores = scorer(
    terms(query.join('\n')),
    kept.map(({ text }) => terms(text)),
  );
  const ranked = kept
    .map((window, i) => ({ ...window, score: scores[i]!, i }))
    .sort((a, b) => a.score - b.score || a.i - b.i)
    .slice(-20)
    .reverse()
    .slice(0, k);
  return ranked.flatMap(({ text, origins, score }) => {
    if (shows === 'match') {
      const { path, start, end } = origins.find(isFine)!;
      return [{ path, startLine: start + 1, endLine: end, text, score }];
    }
    for (const { path, end: matched } of origins) {
      const lines = linesOf.get(path)!;
      const end = Math.min(matched + 10, lines.length);
      const start = Math.max(0, end - 20);
      if (path === hole.path && end >= hole.line) continue;
      return [{ path, startLine: start + 1, endLine: end, text: lines.slice(start, end).join('\n'), score }];
    }
    return [];
  });
}
