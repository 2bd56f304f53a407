/**
 * @file `dataset.json`: what a dataset folder says about itself.
 *
 * A folder without one is a plain folder of records.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { DataError, messageOf } from '../domain/errors.js';
import { parseForeignJson } from '../domain/foreign-json.js';
import { readForeignText } from '../files/foreign-text-file.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hexadecimal');

const packageSchema = z.object({
  /** The repository's name in the tasks. */
  repository: z.string().min(1),
  /** Name on npm. */
  package: z.string().min(1),
  version: z.string().min(1),
  /** Subresource integrity of the package file: "sha512-" and base64. */
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/, 'not a sha512 integrity'),
  licence: z.string().min(1),
  /** Folder inside the package whose files count. */
  sourceRoot: z.string().min(1),
  /** Path aliases of the package's own build, as in a tsconfig's `paths`. */
  aliases: z.record(z.string(), z.array(z.string())).default({}),
  /** Source files, and SHA-256 over their paths and texts. */
  files: z.int().min(1),
  sourceHash: hash,
  tasks: z.int().min(0),
  crossFile: z.int().min(0),
});

const selectionSchema = z.object({
  /** Moves when the rules for holes change. */
  builder: z.int(),
  seed: z.int(),
  perRepository: z.int().min(1),
});

const recordsSchema = z.object({
  schema: z.literal('llava-eval/dataset@1'),
  kind: z.literal('records'),
  description: z.string(),
  licence: z.string(),
});

const npmLinesSchema = z.object({
  schema: z.literal('llava-eval/dataset@1'),
  kind: z.literal('npm-lines'),
  description: z.string(),
  selection: selectionSchema,
  packages: z.array(packageSchema).min(1),
});

const descriptionSchema = z.discriminatedUnion('kind', [recordsSchema, npmLinesSchema]);

export type PinnedPackage = z.output<typeof packageSchema>;
export type NpmLinesDescription = z.output<typeof npmLinesSchema>;
export type Description = z.output<typeof descriptionSchema>;

/**
 * Reads a folder's `dataset.json`.
 *
 * @returns null if the folder has none, or has one that is not about a dataset of this program.
 * @throws {DataError} If it says that it is one but is damaged.
 */
export async function readDescription(folder: string): Promise<Description | null> {
  const file = join(folder, 'dataset.json');
  let text: string;
  try {
    text = await readForeignText(file);
  } catch {
    return null;
  }
  if (!text.includes('llava-eval/dataset@')) return null;
  let value: unknown;
  try {
    value = parseForeignJson(text);
  } catch (error) {
    throw new DataError(`${file}: not valid JSON: ${messageOf(error)}`, [], { cause: error });
  }
  const result = descriptionSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new DataError(`${file}: field "${issue.path.join('.')}": ${issue.message}`, [
    'the file belongs to this program; restore it from the installed package',
  ]);
}
