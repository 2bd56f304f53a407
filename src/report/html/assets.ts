/**
 * @file The page's own script and style sheet, as `scripts/build-page.mjs` has bundled them.
 */

import { readFile } from 'node:fs/promises';

export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** Reads them from `dist/`, where both the built program and its sources find them. */
export async function readPageAssets(): Promise<PageAssets> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(`../../../dist/report/page/${name}`, import.meta.url), 'utf8');
  const [script, style] = await Promise.all([read('main.js'), read('page.css')]);
  return { script, style };
}
