/**
 * @file The folder of a probe: `probe.json`, `probe.md`, `probe.html`, and `charts/` with the SVG files that the second
 * shows.
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError } from '../../domain/errors.js';
import { writeAtomically } from '../../files/atomic-file.js';
import { makeFolders, requireWritableFolder } from '../../files/folder.js';
import { drawCharts } from '../charts/charts.js';
import { renderMarkdown } from '../documents/markdown.js';
import { readPageAssets } from '../html/assets.js';
import { renderHtml } from '../html/document.js';
import { probeSchema, type Probe } from './probe-json.js';
import { probeView } from './view.js';

export interface ProbeFolder {
  readonly path: string;
  readonly json: string;
  readonly report: string;
  readonly page: string;
  readonly charts: string;
}

export function probeFolder(path: string): ProbeFolder {
  return {
    path,
    json: join(path, 'probe.json'),
    report: join(path, 'probe.md'),
    page: join(path, 'probe.html'),
    charts: join(path, 'charts'),
  };
}

const ADVICE = ['choose another folder with --out'];

/**
 * Makes sure that a probe can be written there and writes over nothing, without making the folder.
 *
 * @throws {DataError} If it cannot.
 */
export async function requireFreeFolder({ path, ...files }: ProbeFolder): Promise<void> {
  await requireWritableFolder(path, ADVICE);
  const taken = Object.values(files).filter((file) => existsSync(file));
  if (taken.length === 0) return;
  throw new DataError(`${path}: holds ${taken.map((file) => basename(file)).join(', ')} already`, [
    'a probe writes over nothing; choose another folder with --out',
  ]);
}

/** Writes all files, each whole or not at all. @throws {DataError} If one cannot be written. */
export async function publishProbe(folder: ProbeFolder, probe: Probe): Promise<void> {
  const content = probeSchema.parse(probe);
  await makeFolders(folder.charts, ADVICE);
  await writeAtomically(folder.json, `${JSON.stringify(content, null, 1)}\n`);
  const view = probeView(content);
  const charts = await drawCharts(view.sections.flatMap((section) => section.charts));
  for (const { id, file } of charts) await writeAtomically(join(folder.charts, `${id}.svg`), file);
  await writeAtomically(folder.report, renderMarkdown(view, charts));
  await writeAtomically(folder.page, renderHtml(view, charts, null, await readPageAssets()));
}
