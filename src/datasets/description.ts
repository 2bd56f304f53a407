/**
 * @file `dataset.json`: what a dataset folder says about itself.
 *
 * A folder without one is a plain folder of records.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { DataError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignText } from '../files/foreign-text-file.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hexadecimal');

/**
 * A pinned package. Fields stand in the order in which `dataset.json` has them.
 *
 * @param integrity Hash of the package file, in the form of the registry.
 * @param more      What packages of the registry have besides.
 */
function pinned<More extends z.ZodRawShape>(integrity: z.ZodString, more: More) {
  return z.object({
    /** The repository's name in the tasks. */
    repository: z.string().min(1),
    /** Name in the registry. */
    package: z.string().min(1),
    version: z.string().min(1),
    integrity,
    licence: z.string().min(1),
    /** Folder inside the package whose files count. */
    sourceRoot: z.string().min(1),
    ...more,
    /** Source files, and SHA-256 over their paths and texts. */
    files: z.int().min(1),
    sourceHash: hash,
    tasks: z.int().min(0),
    crossFile: z.int().min(0),
  });
}

/** The integrity is that of subresources: "sha512-" and base64. */
const npmPackageSchema = pinned(
  z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/, 'not a sha512 integrity'),
  // Path aliases of the package's own build, as in a tsconfig's `paths`.
  { aliases: z.record(z.string(), z.array(z.string())).default({}) },
);

/** The integrity is that of the wheel: "sha256:" and hexadecimal. */
const pypiPackageSchema = pinned(z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a sha256 hash'), {});

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

/** Lines of packages of one registry (`packages/all.ts`). */
function linesOf<Kind extends string, Pin extends z.ZodType>(kind: Kind, pin: Pin) {
  return z.object({
    schema: z.literal('llava-eval/dataset@1'),
    kind: z.literal(kind),
    description: z.string(),
    selection: selectionSchema,
    packages: z.array(pin).min(1),
  });
}

const npmLinesSchema = linesOf('npm-lines', npmPackageSchema);
const pypiLinesSchema = linesOf('pypi-lines', pypiPackageSchema);

const descriptionSchema = z.discriminatedUnion('kind', [recordsSchema, npmLinesSchema, pypiLinesSchema]);

export type NpmPackage = z.output<typeof npmPackageSchema>;
export type PypiPackage = z.output<typeof pypiPackageSchema>;
export type PinnedPackage = NpmPackage | PypiPackage;
export type PackageLinesDescription = z.output<typeof npmLinesSchema> | z.output<typeof pypiLinesSchema>;
export type Description = z.output<typeof descriptionSchema>;

/** Whether a dataset's lines lie in packages that have to be fetched. */
export function isOfPackages(description: Description | null): description is PackageLinesDescription {
  return description !== null && 'packages' in description;
}

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
    value = parseJson(text);
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
