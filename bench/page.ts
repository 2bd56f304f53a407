/**
 * @file `docs/performance.md` as the benchmarks write it: each owns one block and rewrites that alone.
 *
 * A block stands between `<!-- BEGIN name -->` and `<!-- END name -->`. With `--write` a benchmark puts
 * its table there, below a line that says on what machine and with which versions it was measured.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { defaultThreads } from '../src/model/ort/threads.js';
import { markdownTable as tableLines } from '../src/report/markdown-table.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../src/run/environment.js';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

/**
 * A page with one block replaced.
 *
 * @example
 * withBlock('a\n<!-- BEGIN x -->\nold\n<!-- END x -->\n', 'x', 'new');
 * // => 'a\n<!-- BEGIN x -->\nnew\n<!-- END x -->\n'
 *
 * @throws {RangeError} If the page has no such block, or more than one.
 */
export function withBlock(page: string, name: string, markdown: string): string {
  const [begin, end] = [`<!-- BEGIN ${name} -->\n`, `<!-- END ${name} -->`];
  const pieces = page.split(begin);
  const rest = pieces[1]?.split(end);
  if (pieces.length !== 2 || rest?.length !== 2) {
    throw new RangeError(`the page needs one block "${begin.trim()}" ... "${end}"`);
  }
  return `${pieces[0]!}${begin}${markdown.trimEnd()}\n${end}${rest[1]!}`;
}

/** What every block opens with: where its numbers come from. */
export function measuredOn(more: readonly string[] = []): string {
  const { cpu, cores, memoryGiB, platform, node } = describeHardware();
  return [
    `${cpu}, ${cores} logical cores (${defaultThreads()} threads used), ${memoryGiB} GiB, ${platform}`,
    `llava-eval ${PACKAGE.version}, onnxruntime ${ONNXRUNTIME_VERSION}, Node ${node}`,
    ...more,
  ].join('; ');
}

/** Rewrites the block `name` of `docs/performance.md`: the line of {@link measuredOn}, then `markdown`. */
export function writeBlock(name: string, markdown: string, more: readonly string[] = []): void {
  const page = withBlock(readFileSync(PAGE, 'utf8'), name, `${measuredOn(more)}.\n\n${markdown}`);
  const unfinished = `${PAGE}.${process.pid}.tmp`;
  writeFileSync(unfinished, page);
  renameSync(unfinished, PAGE);
}

/**
 * A table of figures.
 *
 * @param rows Cells as they are shown; the first row is the head. The first column is aligned left, the
 *        others right.
 */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (head === undefined) throw new RangeError('a table needs a head');
  const columns = head.map((title, i) => ({ title, isNumber: i > 0 }));
  return tableLines(columns, body).join('\n');
}
