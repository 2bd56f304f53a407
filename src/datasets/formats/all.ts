/**
 * @file Every record format, most general first: where no row of a file can be read, the first one counts its lines.
 *
 * Whoever adds a format writes one file in this folder and one line here. Names, flags, recognition and contract
 * tests follow from this list.
 */

import { Registry } from '../../domain/registry.js';
import { CCEVAL, OWN } from './cceval.js';
import type { RecordFormat } from './format.js';
import { LCA } from './lca.js';
import { LLAVACODE_TRAINING } from './llavacode-training.js';
import { REPOBENCH } from './repobench.js';
import { REPOEVAL } from './repoeval.js';
import { REPOFORMER } from './repoformer.js';

const BY_NAME = {
  'llava-eval': OWN,
  cceval: CCEVAL,
  repoformer: REPOFORMER,
  repoeval: REPOEVAL,
  repobench: REPOBENCH,
  lca: LCA,
  'llavacode-training': LLAVACODE_TRAINING,
} as const satisfies Readonly<Record<string, RecordFormat>>;

/** The name of a format: of the program or of a plug-in. */
export type FormatName = string;

/** The names of the program's own formats, most general first. */
export const FORMAT_NAMES = Object.keys(BY_NAME) as readonly FormatName[];

/** The program's own formats. */
export const FORMATS: readonly RecordFormat[] = Object.values(BY_NAME);

/** The format that asks least of a row. */
export const MOST_GENERAL_FORMAT = FORMATS[0]!;

const KNOWN = new Registry<RecordFormat>(FORMATS);

/** The names of all formats: those of the program, then those of plug-ins. */
export function formatNames(): readonly FormatName[] {
  return KNOWN.names;
}

/** All formats, in the same order. */
export function allFormats(): readonly RecordFormat[] {
  return KNOWN.items;
}

/** @throws {RangeError} If there is none of that name. */
export function formatNamed(name: FormatName): RecordFormat {
  const format = KNOWN.find(name);
  if (format === undefined) throw new RangeError(`there is no record format ${name}`);
  return format;
}

/**
 * Adds the format of a plug-in, or replaces one that was added under its name before.
 *
 * @throws {RangeError} If the program itself has the name.
 */
export function addFormat(format: RecordFormat): void {
  KNOWN.add(format);
}
